"""The power fails at random moments: whatever was answered is on disk.

The database lies on a file system of its own, on a loop device. At the moment of the cut every program
stands still, the device's image is kept as it is, and everything is started again from that image: what
only the system's memory held is gone, as after a power cut. What it cannot show is a disk that lies about
its own cache. A file that nobody flushed is written beside the database each time, to see that it is lost.
"""

import os
import random
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from threading import Thread

from sqlalchemy import func, select

from newsletters.subscribers.models import PostedForm, Subscriber, Subscription, SubscriptionState
from tests.drills import space
from tests.drills.drill import Verdict
from tests.drills.full_disk import is_whole
from tests.drills.ground import Ground
from tests.drills.newsroom import Readers
from tests.drills.programs import wait_until
from tests.drills.stage import Stage
from tests.drills.visitors import Newcomers, leave

DISK_BYTES = 1024 * space.MEGABYTE


@dataclass(frozen=True, kw_only=True)
class PowerCut:
    """``cuts`` cuts while readers sign up and leave, and an issue goes out."""

    readers: int = 20_000
    cuts: int = 20

    def __call__(self, ground: Ground) -> Verdict:
        if not space.can_mount(ground.folder):
            return Verdict(False, "needs root, for a file system of its own", "to be run")
        disk = space.LoopDisk(ground.folder / "disk.image", ground.folder / "disk", DISK_BYTES)
        try:
            with ground.stage_with_server(Readers(self.readers), disk.place) as stage:
                return self._run(stage, disk, ground)
        finally:
            disk.unmount()

    def _run(self, stage: Stage, disk: space.LoopDisk, ground: Ground) -> Verdict:
        os.sync()  # the newsroom itself is not what this is about
        stage.schedule()
        toll = Toll()
        for number in range(self.cuts):
            self._cut_once(stage, disk, toll)
            ground.say(f"cut {number + 1}: {toll.signed_up:,} sign-ups, {toll.left:,} unsubscribes")
        return Verdict(
            passed=toll.lost == 0 and toll.is_whole and toll.controls == self.cuts,
            figure=(
                f"{self.cuts} cuts: of {toll.signed_up:,} sign-ups and {toll.left:,} unsubscribes "
                f"that were answered, {toll.lost} lost; "
                f"database {'whole' if toll.is_whole else 'DAMAGED'} each time; "
                f"an unflushed file beside it was lost {toll.controls} times"
            ),
            limit="0 answered ones lost, nothing damaged",
        )

    def _cut_once(self, stage: Stage, disk: space.LoopDisk, toll: "Toll") -> None:
        url = stage.serve()
        stage.worker().start()
        with Newcomers(url, pause_seconds=0.0, name=f"cut{toll.cuts}-") as newcomers:
            leavers = Leavers(stage, url, random.randrange(self.readers // 2))
            leavers.thread.start()
            wait_until(lambda: newcomers.taken() and leavers.gone, seconds=120, what="the first visitors")
            time.sleep(random.uniform(0.3, 2.0))
            (disk.place / "unflushed").write_bytes(b"x" * 65536)
            freeze_all(stage)
            taken, gone = newcomers.taken(), list(leavers.gone)
            disk.cut_power(lambda: kill_all(stage))
        leavers.thread.join(30)
        if stage.server is not None:
            stage.server.start()
        toll.count(stage, taken, gone)
        control = disk.place / "unflushed"
        toll.controls += not control.exists() or control.read_bytes() != b"x" * 65536
        control.unlink(missing_ok=True)


@dataclass
class Toll:
    """What the cuts have cost."""

    cuts: int = 0
    signed_up: int = 0
    left: int = 0
    lost: int = 0
    controls: int = 0
    is_whole: bool = True

    def count(self, stage: Stage, taken: list[str], gone: list[int]) -> None:
        """Look for everybody who was answered."""
        self.cuts += 1
        self.signed_up += len(taken)
        self.left += len(gone)
        with stage.runtime.db.reading() as session:
            noted = {form.said.get("email") for form in session.scalars(select(PostedForm))}
            known = set(session.scalars(select(Subscriber.email).where(Subscriber.email.in_(taken))))
            unsubscribed = session.scalar(
                select(func.count()).where(
                    Subscription.id.in_(gone), Subscription.state == SubscriptionState.UNSUBSCRIBED
                )
            )
        self.lost += len(set(taken) - noted - known) + len(set(gone)) - (unsubscribed or 0)
        self.is_whole &= is_whole(stage)


class Leavers:
    """Readers who leave one after the other, from number ``first`` on, until nobody answers."""

    def __init__(self, stage: Stage, url: str, first: int) -> None:
        self.gone: list[int] = []
        self.thread = Thread(target=self._leave, args=(stage, url, first), daemon=True)

    def _leave(self, stage: Stage, url: str, first: int) -> None:
        for number in range(first + 1, stage.readers.count):
            if leave(url, stage.runtime.signer, number, 1) != 200:
                return
            self.gone.append(number)


def freeze_all(stage: Stage) -> None:
    """Let every program of the stage stand still, the database's server first."""
    for pid in all_pids(stage):
        os.kill(pid, signal.SIGSTOP)


def kill_all(stage: Stage) -> None:
    """End them all at once, and let go of the database ourselves."""
    stage.runtime.db.close()
    pids = all_pids(stage)
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    for program in stage.programs:
        program.kill()
    stage.programs.clear()
    wait_until(lambda: not any(map(is_alive, pids)), seconds=30, what="the end of all programs")


def is_alive(pid: int) -> bool:
    """Whether a process still holds files open."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def all_pids(stage: Stage) -> list[int]:
    """Servers before their children, so that none starts another."""
    pids = stage.server.pids() if stage.server is not None else []
    for program in stage.programs:
        children = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text().split()
        pids += [program.pid, *map(int, children)]
    return pids
