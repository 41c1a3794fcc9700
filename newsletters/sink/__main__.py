"""Runs the sink: ``python -m newsletters.sink``. Whatever keeps it from starting is one line on stderr."""

import os
import sys

from newsletters.sink.serving import serve
from newsletters.sink.settings import SinkRefused, SinkSettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; the process's exit status."""
    try:
        serve(SinkSettings.from_env(os.environ))
    except SinkRefused as refusal:
        sys.stderr.write(f"sink: {refusal}\n")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
