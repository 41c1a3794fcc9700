"""What can be wrong with a message before any server has seen it."""

from newsletters.kernel.errors import DomainError


class UnsafeHeader(DomainError):
    """A value that must not stand in a header: CR, LF, NUL, another control character, or too long."""
