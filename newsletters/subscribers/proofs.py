"""What gets a post in while its like are many: some work by the browser, or a short wait. Each once.

The work is an ALTCHA challenge (version 2: PBKDF2, which every browser has built in): a second or so for a
reader's telephone, and hours for whoever posts a hundred thousand times. Who has no script, or lets nothing
run, waits instead, and then presses the button again; so few get in that way in a minute that waiting is no
way round for a crowd. Nobody is asked to read letters or to find traffic lights.
"""

import base64
import binascii
import json
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from altcha import create_challenge, verify_solution
from sqlalchemy.orm import Session

from newsletters.kernel.columns import Json
from newsletters.kernel.limits import ExactLimit, Limit, admit, count
from newsletters.kernel.tokens import Purpose, TokenRefused
from newsletters.subscribers.guard import HOUR, MINUTE, network_digest
from newsletters.subscribers.means import Means

GOOD_FOR: Final = timedelta(minutes=20)
WAIT: Final = timedelta(seconds=20)
ALGORITHM: Final = "PBKDF2/SHA-256"
ROUNDS: Final = 2_000  # of PBKDF2 for one try; some 256 tries find an answer that begins with a zero byte
ROUNDS_UNDER_ATTACK: Final = 6_000
LONGEST: Final = 4_000

_SPENT: Final = ExactLimit("proof", ((1, 2 * GOOD_FOR),))
_WAITED_IN_NETWORK: Final = Limit("waited in network", 5, HOUR)
_WAITED: Final = Limit("waited", 30, MINUTE)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a form must bring back: an answer to ``challenge``, or ``ticket`` after ``wait_seconds``."""

    challenge: Json
    ticket: str
    wait_seconds: int


@dataclass(frozen=True, slots=True)
class Proof:
    """What a form brought; empty strings where it brought nothing."""

    answer: str = ""
    ticket: str = ""


def ask(means: Means, *, is_attack: bool, now: datetime) -> Asked:
    """Make a challenge and a ticket."""
    until = now + GOOD_FOR
    challenge = create_challenge(
        ALGORITHM,
        ROUNDS_UNDER_ATTACK if is_attack else ROUNDS,
        data={"until": int(until.timestamp())},
        hmac_secret=_secret(means),
    )
    number, moment = secrets.randbits(63), int(now.timestamp())
    ticket = means.signer.sign(Purpose.WAITING, number, moment, expires_at=until)
    return Asked(challenge.to_dict(), ticket, int(WAIT.total_seconds()))


def redeem(session: Session, proof: Proof, *, client: str, means: Means, now: datetime) -> bool:
    """Whether ``proof`` lets a post in. It is spent with the caller's transaction."""
    return _answered(session, proof.answer, means=means, now=now) or _waited(
        session, proof.ticket, client=client, means=means, now=now
    )


def seconds_to_wait(means: Means, ticket: str, *, now: datetime) -> int:
    """How much longer a ticket has to wait; 0 where it is good now, or is none."""
    read = _read_ticket(means, ticket, now=now)
    return max(0, int((read[1] + WAIT - now).total_seconds())) if read else 0


def _answered(session: Session, answer: str, *, means: Means, now: datetime) -> bool:
    if not answer or len(answer) > LONGEST:
        return False
    until = _until(answer)
    if until is None or until < now or not verify_solution(answer, _secret(means)).verified:
        return False
    return admit(session, _SPENT, _challenge_of(answer), now=now)


def _until(answer: str) -> datetime | None:
    """Until when the challenge says it is good; verifying tells whether that is our word."""
    said = _read(answer)
    try:
        return datetime.fromtimestamp(int(said["challenge"]["parameters"]["data"]["until"]), UTC)
    except (KeyError, TypeError, ValueError, OverflowError, OSError):
        return None


def _challenge_of(answer: str) -> str:
    """What makes a challenge this one, however its answer is spelled."""
    return str(_read(answer)["challenge"]["parameters"]["nonce"]).lower()[:64]


def _read(answer: str) -> Json:
    try:
        said = json.loads(base64.b64decode(answer))
    except (binascii.Error, ValueError, RecursionError):
        return {}
    return said if isinstance(said, dict) else {}


def _waited(session: Session, ticket: str, *, client: str, means: Means, now: datetime) -> bool:
    read = _read_ticket(means, ticket, now=now)
    if read is None or now < read[1] + WAIT:
        return False
    if not admit(session, _SPENT, f"ticket {read[0]}", now=now):
        return False
    places = [(_WAITED, "all"), (_WAITED_IN_NETWORK, network_digest(means, client))]
    hits = count(session, places, now=now)
    return all(number <= limit.most for (limit, _), number in zip(places, hits, strict=True))


def _read_ticket(means: Means, ticket: str, *, now: datetime) -> tuple[int, datetime] | None:
    """The ticket's number and when it was given out."""
    try:
        number, moment = means.signer.read(ticket, Purpose.WAITING, now=now).ids
    except (TokenRefused, ValueError):
        return None
    return number, datetime.fromtimestamp(moment, UTC)


def _secret(means: Means) -> str:
    return means.digester.digest("challenge", "altcha")
