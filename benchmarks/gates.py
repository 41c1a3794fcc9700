"""The one bound on sign-ups that no setting moves out of a benchmark's way: what a form takes in a minute.

It is still counted in every post, only raised. The other bounds are out of the way because the posts come
from many networks, for many domains, and by SIGNUPS_PER_MINUTE.
"""

from dataclasses import replace

from newsletters.subscribers import guard

BEYOND_REACH = 100_000_000


def open_all() -> None:
    """Raise the bound in this process."""
    guard.FORM = replace(guard.FORM, easy=BEYOND_REACH, most=BEYOND_REACH)  # type: ignore[misc]
