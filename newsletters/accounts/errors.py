"""What the rules of accounts say no to."""

from newsletters.kernel.errors import DomainError


class EditorExists(DomainError):
    """There is an account for this address already."""


class WeakPassword(DomainError):
    """Too easily guessed; ``shortfall`` says which part of the rule it misses."""

    def __init__(self, shortfall: str) -> None:
        super().__init__(shortfall)
        self.shortfall = shortfall


class WrongPassword(DomainError):
    """Not the password of this account."""


class LastOwner(DomainError):
    """Somebody must be left who can do everything."""


class LinkUnusable(DomainError):
    """An invitation or password link that is used, withdrawn, expired or not ours."""


class WrongCode(DomainError):
    """Not the code of this moment, or one that was used already."""


class NothingOffered(DomainError):
    """No secret waits to be confirmed, or it has waited too long."""


class FactorRequired(DomainError):
    """The house wants a second factor of everybody, so it cannot be turned off."""


class OwnFactorFirst(DomainError):
    """Whoever wants a second factor of everybody must have one."""
