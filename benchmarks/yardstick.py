"""The yardstick: Postfix's own load generator, run in every round beside us.

``smtp-source -s 10 -d``: ten sessions that stay open. It neither pipelines nor keeps books.
"""

import subprocess

from benchmarks.programs import Programs
from benchmarks.sink import Sink

SESSIONS = 10
MESSAGE_BYTES = 30 * 1024


def rate(programs: Programs, *, messages: int) -> float:
    """Messages a second, as smtp-sink saw them."""
    with Sink(programs) as sink:
        command = [str(programs.smtp_source), "-s", str(SESSIONS), "-d", "-l", str(MESSAGE_BYTES)]
        subprocess.run(
            [*command, "-m", str(messages), sink.address], check=True, timeout=600, env=programs.environ
        )
        sink.wait_for(messages, seconds=10)
        return sink.rate()
