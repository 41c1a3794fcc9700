"""What a sign-up form may offer: open newsletters, the words a reader agrees to, and the forms editors made.

Every form asks and nothing changes for weeks, so each process keeps the answer for a second. What this very
process changes is seen at once.
"""

import time
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from itertools import count
from typing import Any, Final

from sqlalchemy import event, select
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.publishing.archive import listed_newsletters
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.subscribers.consent import current_wordings
from newsletters.subscribers.form_models import SavedForm
from newsletters.subscribers.saved_forms import all_forms

KEPT_SECONDS: Final = 1.0
_versions = count(1)
_version = 0


@dataclass(frozen=True, slots=True)
class Offers:
    """Open newsletters by slug, the wording of each by newsletter id, and saved forms by their numbers.

    ``pinned`` are wordings by their own numbers that some saved form shows instead of the newest.
    """

    newsletters: dict[str, Newsletter]
    wordings: dict[int, OptInWording]
    forms: dict[str, SavedForm] = field(default_factory=dict)
    pinned: dict[int, OptInWording] = field(default_factory=dict)

    @property
    def names(self) -> dict[str, str]:
        return {slug: newsletter.name for slug, newsletter in self.newsletters.items()}

    def only(self, slugs: Iterable[str]) -> "Offers":
        """The same for a page that offers fewer."""
        return replace(
            self,
            newsletters={slug: self.newsletters[slug] for slug in slugs if slug in self.newsletters},
        )

    def of(self, form: SavedForm | None) -> "Offers":
        """The same for a page that repeats ``form``."""
        if form is None:
            return self
        numbers = {line["id"] for line in form.newsletters}
        return self.only(slug for slug, newsletter in self.newsletters.items() if newsletter.id in numbers)

    def worded(self, form: SavedForm | None) -> dict[int, OptInWording]:
        """The wordings that ``form`` shows."""
        if form is None:
            return self.wordings
        named = {line["id"]: self.pinned.get(line["wording_id"] or 0) for line in form.newsletters}
        return {**self.wordings, **{number: words for number, words in named.items() if words}}


class Kept:
    """The offers as this application last read them."""

    def __init__(self) -> None:
        self._offers: Offers | None = None
        self._version = 0
        self._good_until = 0.0

    def read(self) -> Offers:
        if self._offers is None or self._version != _version or time.monotonic() > self._good_until:
            version, good_until = _version, time.monotonic() + KEPT_SECONDS
            with context.reading() as session:
                self._offers = _read(session)
            self._version, self._good_until = version, good_until
        return self._offers


def open_offers() -> Offers:
    """Everything a reader can subscribe to, in the newsroom's order."""
    return context.once("offers", Kept).read()


def _read(session: Session) -> Offers:
    newsletters = listed_newsletters(session)
    forms = all_forms(session)
    named = {line["wording_id"] for form in forms for line in form.newsletters if line["wording_id"]}
    pinned = session.scalars(select(OptInWording).where(OptInWording.id.in_(named))).all() if named else ()
    return Offers(
        {newsletter.slug: newsletter for newsletter in newsletters},
        current_wordings(session, [newsletter.id for newsletter in newsletters]),
        {str(form.id): form for form in forms},
        {wording.id: wording for wording in pinned},
    )


def _changed(_mapper: Any, _connection: Any, _target: Any) -> None:
    global _version  # noqa: PLW0603  (one number for the process, read without a lock)
    _version = next(_versions)


for _table in (Newsletter, OptInWording, SavedForm):
    for _what in ("after_insert", "after_update", "after_delete"):
        event.listen(_table, _what, _changed)
