"""The worker under a profile: CPU time of each thread, function by function.

The clock is the thread's own CPU time, so that waiting costs nothing. A profile makes small functions look
dearer than they are: its shares say where to look, the costs themselves are measured without it.
"""

import cProfile
import os
import pstats
import sys
import threading
import time
from types import FrameType
from typing import Any

from newsletters.tasks import worker

OUTPUT = "BENCH_PROFILE"


def main() -> int:
    """Run a worker and leave the profile of all its threads where BENCH_PROFILE says."""
    profiles = [_profile()]

    def begin(_frame: FrameType, _event: str, _argument: Any) -> None:
        profiles.append(_profile())
        profiles[-1].enable()

    threading.setprofile(begin)
    profiles[0].enable()
    status = worker.main()
    threading.setprofile(None)
    whole = pstats.Stats(profiles[0])
    for profile in profiles[1:]:
        whole.add(profile)
    whole.dump_stats(os.environ[OUTPUT])
    return status


def _profile() -> cProfile.Profile:
    return cProfile.Profile(time.thread_time)


if __name__ == "__main__":
    sys.exit(main())
