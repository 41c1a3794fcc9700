"""What a sign-up form may offer: the newsletters that are open, and the words a reader agrees to."""

from collections.abc import Iterable
from dataclasses import dataclass

from sqlalchemy.orm import Session

from newsletters.publishing.archive import listed_newsletters
from newsletters.publishing.models import Newsletter, OptInWording
from newsletters.subscribers.consent import current_wordings


@dataclass(frozen=True, slots=True)
class Offers:
    """Open newsletters by slug, and the newest wording of each by newsletter id."""

    newsletters: dict[str, Newsletter]
    wordings: dict[int, OptInWording]

    @property
    def names(self) -> dict[str, str]:
        return {slug: newsletter.name for slug, newsletter in self.newsletters.items()}

    def only(self, slugs: Iterable[str]) -> "Offers":
        """The same for a page that offers fewer."""
        return Offers(
            {slug: self.newsletters[slug] for slug in slugs if slug in self.newsletters}, self.wordings
        )


def open_offers(session: Session) -> Offers:
    """Everything a reader can subscribe to, in the newsroom's order."""
    newsletters = listed_newsletters(session)
    return Offers(
        {newsletter.slug: newsletter for newsletter in newsletters},
        current_wordings(session, [newsletter.id for newsletter in newsletters]),
    )
