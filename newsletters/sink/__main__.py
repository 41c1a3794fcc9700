"""Runs the sink: ``python -m newsletters.sink``. Whatever keeps it from starting is one line on stderr."""

import os
import sys

from dotenv import dotenv_values

from newsletters.sink.serving import serve
from newsletters.sink.settings import SinkRefused, SinkSettings


def main() -> int:
    """Serve until SIGTERM or SIGINT; the process's exit status."""
    try:
        serve(SinkSettings.from_env(_environment()))
    except SinkRefused as refusal:
        sys.stderr.write(f"sink: {refusal}\n")
        return 1
    return 0


def _environment() -> dict[str, str]:
    """The environment over ``.env``, as for the rest of the product."""
    written = {name: value for name, value in dotenv_values(".env").items() if value is not None}
    return written | dict(os.environ)


if __name__ == "__main__":
    sys.exit(main())
