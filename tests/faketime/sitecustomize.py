"""Python finds this by itself at its start where PYTHONPATH names this folder (module ``site``).

libfaketime 0.9.10 breaks clock_nanosleep(2) with an absolute time, which ``time.sleep`` is made of.
"""

import select
import time
from typing import SupportsIndex


def _sleep(seconds: float | SupportsIndex) -> None:
    select.select([], [], [], float(seconds))


time.sleep = _sleep
