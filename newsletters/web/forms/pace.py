"""Answers that take their time, so that how long one took says nothing of the address it was about.

Writing a new reader down takes a few milliseconds more than finding an old one. The answer comes at a
moment that is later than either.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

EVEN_SECONDS: Final = 0.1  # several times what the slowest kind of sign-up takes on a small machine


@contextmanager
def even_pace() -> Iterator[None]:
    """Hold back what follows the block until its time has come; an error goes through at once."""
    begun = time.monotonic()
    yield
    time.sleep(max(0.0, EVEN_SECONDS - (time.monotonic() - begun)))
