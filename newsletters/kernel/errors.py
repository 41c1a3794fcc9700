"""The root of every error a use case raises on purpose. Doors map these to answers in one table each."""


class DomainError(Exception):
    """A rule of the domain said no. The message is for a developer; doors have words for people."""
