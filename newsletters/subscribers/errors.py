"""What this slice refuses to do. Nothing here tells whether an address is known."""

from datetime import datetime

from newsletters.kernel.errors import DomainError


class TooManyPosts(DomainError):
    """A client, its network or everybody together has posted as often as allowed. Nothing was written."""

    def __init__(self, until: datetime) -> None:
        super().__init__(f"no more posts before {until.isoformat()}")
        self.until = until


class ProofWanted(DomainError):
    """The post gets in with a proof of work, or after a short wait. Nothing was written."""

    def __init__(self, *, is_attack: bool) -> None:
        super().__init__("a proof is wanted")
        self.is_attack = is_attack


class DeadDomain(DomainError):
    """DNS has said lately that nobody takes mail for the domain. Nothing was written."""

    def __init__(self, domain: str) -> None:
        super().__init__("nobody takes mail for the domain")
        self.domain = domain


class NoNewsletterChosen(DomainError):
    """A sign-up named no newsletter."""


class UnknownNewsletter(DomainError):
    """No such newsletter, or one that takes no more readers."""


class UnknownLanguage(DomainError):
    """A language we do not write in."""


class ReaderGone(DomainError):
    """An intact link whose reader is no longer with us, or no longer has the address it was mailed to."""


class MailForbidden(DomainError):
    """The address complained or was closed by an editor; only an editor opens it again."""


class SameAddress(DomainError):
    """The new address is the one we already write to."""
