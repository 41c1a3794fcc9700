"""The table of drills: what each shows, at full size and as the suite runs it."""

from datetime import timedelta

from tests.drills.bad_domain import BadDomain
from tests.drills.database_away import LockedDatabase, RestartedDatabase
from tests.drills.drill import Drill
from tests.drills.engine_lost import EngineLost
from tests.drills.full_disk import FullDisk
from tests.drills.fuzzing import FuzzedParsers
from tests.drills.histories import Histories
from tests.drills.killing import KilledWorkers
from tests.drills.leaving import LeavingMidway, PausedAndResumed
from tests.drills.machines import ManyMachines
from tests.drills.many_hands import FrozenWorker, ManySchedulers
from tests.drills.power_cut import PowerCut
from tests.drills.putting_back import CopyPutBack
from tests.drills.sending import EverybodyOnce, FlatMemory
from tests.drills.server_away import ServerAway
from tests.drills.server_faults import FaultsInEveryPhase, SlowAnswer
from tests.drills.signup_floods import SignupFloods
from tests.drills.wrong_clocks import WrongClocks

SQLITE, POSTGRESQL = ("sqlite",), ("postgresql",)
BUSY_SECONDS = 300.0  # the short forms run beside other tests, and measure no time

DRILLS: tuple[Drill, ...] = (
    Drill(
        "everybody-once",
        "With nothing wrong, a million readers get one message each, and all books agree.",
        full=EverybodyOnce(),
        short=EverybodyOnce(readers=1_500, workers=2),
    ),
    Drill(
        "killed-workers",
        "Workers killed at random moments lose nobody and repeat at most what was on its way.",
        full=KilledWorkers(),
        short=KilledWorkers(readers=600, kills=6, workers=2, batch_size=50, resumes_within=BUSY_SECONDS),
    ),
    Drill(
        "frozen-worker",
        "A worker frozen past its lease is replaced, and can do no harm when it wakes.",
        full=FrozenWorker(),
        short=FrozenWorker(readers=600, times=1, workers=2, waits=False),
    ),
    Drill(
        "many-schedulers",
        "Several schedulers begin every issue once.",
        full=ManySchedulers(),
        short=ManySchedulers(issues=5, readers=10, workers=2),
    ),
    Drill(
        "server-faults",
        "Whatever a mail server does in any phase, nobody is lost and nobody pays for another's fault.",
        full=FaultsInEveryPhase(),
        short=FaultsInEveryPhase(readers=200, wild_messages=150, share=0.03),
    ),
    Drill(
        "server-away",
        "An absent mail server is waited for: the issue pauses, says why, and goes on by itself.",
        full=ServerAway(),
        short=ServerAway(readers=50, seconds=0.5),
    ),
    Drill(
        "bad-domain",
        "One domain that is slow or refuses holds up nobody else.",
        full=BadDomain(),
        short=BadDomain(readers=200, rounds=1, most_slowdown=3.0),
    ),
    Drill(
        "slow-answer",
        "A server that takes nine minutes to accept a message gets it once.",
        full=SlowAnswer(),
        short=SlowAnswer(seconds=2.0),
    ),
    Drill(
        "leaving-midway",
        "Who leaves, or is suppressed, while an issue goes out gets nothing that was not on its way.",
        full=LeavingMidway(),
        short=LeavingMidway(readers=400, leavers=10, answer_seconds=0.3),
    ),
    Drill(
        "paused-and-resumed",
        "A pause is in force within seconds, and resuming repeats nothing.",
        full=PausedAndResumed(),
        short=PausedAndResumed(readers=1_000, times=1),
    ),
    Drill(
        "locked-database",
        "A database that is locked for half a minute is waited for.",
        full=LockedDatabase(),
        short=LockedDatabase(readers=300, seconds=1.0, times=1),
    ),
    Drill(
        "restarted-database",
        "PostgreSQL may be restarted, or crash, while an issue goes out and readers sign up.",
        full=RestartedDatabase(),
        short=RestartedDatabase(readers=300, times=2),
        databases=POSTGRESQL,
    ),
    Drill(
        "full-disk",
        "A full disk stops the sending, is said in the log, and leaves nothing damaged.",
        full=FullDisk(),
        short=FullDisk(readers=600, seconds=3.0, disk_bytes=192 << 20),
    ),
    Drill(
        "power-cut",
        "Whatever a reader was answered outlives a power cut.",
        full=PowerCut(),
        short=PowerCut(readers=300, cuts=1),
    ),
    Drill(
        "copy-put-back",
        "A copy made in the middle of a send and put back later sends nobody anything twice.",
        full=CopyPutBack(),
        short=CopyPutBack(readers=2_000, leavers=20),
        databases=SQLITE,
    ),
    Drill(
        "engine-lost",
        "The task engine may forget everything: nobody is lost, and no rate is passed.",
        full=EngineLost(),
        short=EngineLost(readers=300, times=3, workers=2, rate=100),
    ),
    Drill(
        "many-machines",
        "Two web servers and three workers lose nothing while they, Redis and PostgreSQL break.",
        full=ManyMachines(),
        short=ManyMachines(
            readers=600, rounds=1, batch_size=25, seconds_a_message=0.1, recovers_within=BUSY_SECONDS
        ),
        databases=POSTGRESQL,
    ),
    Drill(
        "wrong-clocks",
        "Machines whose clocks are minutes apart, or leap by a day, send nothing early and refuse no link.",
        full=WrongClocks(),
        short=WrongClocks(times=1),
        databases=POSTGRESQL,
    ),
    Drill(
        "flat-memory",
        "A worker's memory does not grow with the number of readers.",
        full=FlatMemory(),
        short=FlatMemory(readers=2_000, messages=100, most_growth=0.2),
    ),
    Drill(
        "signup-floods",
        "A flood of sign-ups sets off one mail to its victim, few to strangers, and keeps no reader out.",
        full=SignupFloods(),
        short=SignupFloods(
            for_one=150, clients=30, for_many=250, per_minute=50, longest=timedelta(seconds=BUSY_SECONDS)
        ),
    ),
    Drill(
        "histories",
        "No made-up history of readers, however long, breaks a promise.",
        full=Histories(),
        short=Histories(steps=100, processes=1),
    ),
    Drill(
        "fuzzed-parsers",
        "Nothing that comes in from outside breaks or hangs what reads it.",
        full=FuzzedParsers(),
        short=FuzzedParsers(cases=10_000),
        databases=SQLITE,
    ),
)
