"""What goes into the ledger next: outcomes and beginnings gather here until the last group is committed.

One group at a time: what is heard while a commit is under way makes the next group, so the busier the
connections are, the less each message costs.
"""

import time
from collections.abc import Iterable
from typing import Final

from newsletters.delivery.batches import Hold
from newsletters.delivery.loads import Load, Parcel, Stage
from newsletters.delivery.outcomes import Entered, Page, Refusal
from newsletters.delivery.verdict import Verdict

LOOK_SECONDS: Final = 0.4  # how old what we know of an issue's state may be


class Gathering:
    """What has gathered of one load."""

    __slots__ = ("begins", "load", "page", "settled")

    def __init__(self, load: Load) -> None:
        self.load = load
        self.page = Page(load.hold, load.mailing.newsletter_id)
        self.settled: list[Parcel] = []
        self.begins: list[Parcel] = []

    def close(self, moment: float, *, stale_seconds: float) -> Page:
        """The page as it is to be written now; who was read too long ago is looked at again with it."""
        load, page = self.load, self.page
        load.touched_at = moment
        page.in_flight = load.in_flight - {parcel.recipient.subscriber_id for parcel in self.settled}
        page.begins = [parcel.recipient for parcel in self.begins]
        if any(parcel.read_at < moment - stale_seconds for parcel in self.begins):
            page.to_check = [parcel.recipient for parcel in load.parcels if parcel.stage < Stage.BEGUN]
        load.in_flight = page.in_flight.union(one.subscriber_id for one in page.begins)
        return page

    def entered(self, entered: Entered) -> list[Parcel]:
        """It is committed: who must not get it. What is on its way now is known to the load."""
        load = self.load
        if not entered.is_sending:
            load.in_flight = set(self.page.in_flight)
        load.in_flight -= entered.struck
        if not self.page.to_check:
            return []
        moment, struck = time.monotonic(), []
        for parcel in load.parcels:
            if parcel.stage < Stage.BEGUN:
                parcel.read_at = moment
                if parcel.recipient.subscriber_id in entered.struck:
                    struck.append(parcel)
        return struck


class Bookkeeper:
    """For one thread."""

    def __init__(self) -> None:
        self._gathered: dict[Load, Gathering] = {}
        self._writing: dict[Hold, Gathering] = {}

    @property
    def is_writing(self) -> bool:
        return bool(self._writing)

    def has(self, load: Load) -> bool:
        """Whether something of this load is not committed yet."""
        return load in self._gathered or load.hold in self._writing

    def settle(self, parcel: Parcel, verdict: Verdict) -> None:
        """A message is over."""
        gathered = self._of(parcel.load)
        gathered.settled.append(parcel)
        gathered.begins = [one for one in gathered.begins if one is not parcel]
        gathered.page.stop = gathered.page.stop or verdict.stop
        if verdict.outcome is not None and verdict.refusal is None:
            gathered.page.outcomes.append(verdict.outcome)
        elif verdict.outcome is not None:
            gathered.page.refusals.append(Refusal(verdict.outcome, verdict.outcome.reason))

    def begin(self, parcel: Parcel) -> None:
        """The server waits for a message."""
        self._of(parcel.load).begins.append(parcel)

    def forget(self, load: Load) -> None:
        """Its lease is lost: nothing more can be written of it."""
        self._gathered.pop(load, None)

    def forget_all(self) -> None:
        """Something broke; nobody knows any more what this was."""
        self._gathered.clear()
        self._writing.clear()

    def pages(self, loads: Iterable[Load], *, stale_seconds: float) -> list[Page]:
        """The next group; the loads that were not looked at for a while are in it too."""
        moment = time.monotonic()
        for load in loads:
            if moment - load.touched_at > LOOK_SECONDS:
                self._of(load)
        self._writing = {gathered.load.hold: gathered for gathered in self._gathered.values()}
        self._gathered = {}
        return [one.close(moment, stale_seconds=stale_seconds) for one in self._writing.values()]

    def written(self) -> list[Gathering]:
        """The group that is committed now."""
        written, self._writing = list(self._writing.values()), {}
        return written

    def _of(self, load: Load) -> Gathering:
        gathered = self._gathered.get(load)
        if gathered is None:
            gathered = self._gathered[load] = Gathering(load)
        return gathered
