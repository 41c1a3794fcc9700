"""The reader's own mailbox on the web, by the address's domain, searched for our mail where it can be.

Pure. An address of such a page holds our sender and nothing of the reader's: who is signed in there is
between the reader and the provider. A domain that is not in the table has no page: no guess is made.
"""

from dataclasses import dataclass
from urllib.parse import quote

from newsletters.subscribers.mailbox_providers import BY_DOMAIN, SENDER


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A provider's name as its users know it, and the page that shows their mail."""

    name: str
    url: str


def mailbox_of(domain: str, *, sender: str) -> Mailbox | None:
    """The page that shows the mail of an address at ``domain`` (lower case); None where none is known."""
    provider = BY_DOMAIN.get(domain)
    if provider is None or not provider.page:
        return None
    return Mailbox(provider.name, provider.page.replace(SENDER, quote(sender, safe="")))
