"""The programs that ``run`` watches on one machine and that start alone on many: how each is called."""

import sys
from pathlib import Path
from typing import Final

from config import Config

ROOT: Final = Path(__file__).parent.parent.parent
THREADS = 4  # of one web process: requests wait for the database, not for the processor


def web(config: Config) -> list[str]:
    """The web server's command."""
    return [
        *(sys.executable, "-m", "gunicorn", "wsgi:app", "--bind", _bind(config), "--chdir", str(ROOT)),
        *("--workers", str(config.web_workers), "--worker-class", "gthread", "--threads", str(THREADS)),
        *("--graceful-timeout", "10", "--no-control-socket"),
        *("--config", "python:newsletters.cli.web_hooks"),
    ]


def example() -> list[str]:
    """The example article's command."""
    return [sys.executable, str(ROOT / "examples/serve.py")]


def of_module(name: str) -> list[str]:
    """The command of a program that is a module of ours."""
    return [sys.executable, "-m", f"newsletters.{name}"]


def _bind(config: Config) -> str:
    return f"[{config.host}]:{config.port}" if ":" in config.host else f"{config.host}:{config.port}"
