"""Copies of a PostgreSQL database by PostgreSQL's own programs: pg_dump and pg_restore.

A copy is put back into an empty database of its own, so the one before it stays untouched. The version of the
tables is written last: until then every program of ours refuses to start there.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import NamedTemporaryFile
from typing import Final

from sqlalchemy import URL

from newsletters.cli.copies_sqlite import CopyFailed

VERSIONS: Final = "alembic_version"
NUDGES: Final = "engine*"  # nothing but nudges; the rows say what is to be done
_MADE_AT: Final = re.compile(r"^; *Archive created at (\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)", re.MULTILINE)
_VERSION: Final = re.compile(r"^COPY .*alembic_version.*\n([0-9a-z]+)$", re.MULTILINE)


def dump(url: URL, target: Path) -> None:
    """Copy a database that may be in use to ``target``, whole and checked. Raises CopyFailed."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.unlink(missing_ok=True)
        os.close(os.open(part, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600))
        options = ("--format=custom", "--no-owner", "--no-privileges", f"--exclude-table={NUDGES}")
        _run("pg_dump", *options, f"--file={part}", _address(url), url=url)
        _run("pg_restore", "--file=/dev/null", str(part))
        part.replace(target)
    except OSError as error:
        raise CopyFailed(f"{target}: {error}") from error
    finally:
        part.unlink(missing_ok=True)


def made_at(copy: Path) -> datetime:
    """When a copy was made. Raises CopyFailed for what is none."""
    found = _MADE_AT.search(_run("pg_restore", "--list", str(copy)))
    if found is None:
        raise CopyFailed(f"{copy} does not say when it was made")
    return datetime.fromisoformat(found[1]).replace(tzinfo=UTC)


def version_of(copy: Path) -> str:
    """Which version of the tables is in a copy. Raises CopyFailed where there is none."""
    rows = _run("pg_restore", "--data-only", f"--table={VERSIONS}", "--file=-", str(copy))
    found = _VERSION.search(rows)
    if found is None:
        raise CopyFailed(f"{copy} is not a database of ours: it has no version")
    return found[1]


def fill(url: URL, copy: Path) -> None:
    """Put a copy into an empty database, whole or not at all, but for its version. Raises CopyFailed."""
    options = ("--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges")
    with _list_without_version(copy) as contents:
        _run(
            "pg_restore", *options, f"--use-list={contents}", f"--dbname={_address(url)}", str(copy), url=url
        )


@contextmanager
def _list_without_version(copy: Path) -> Iterator[str]:
    lines = _run("pg_restore", "--list", str(copy)).splitlines(keepends=True)
    with NamedTemporaryFile("w", suffix=".list") as contents:
        contents.writelines(line for line in lines if not re.search(rf"TABLE DATA \S+ {VERSIONS} ", line))
        contents.flush()
        yield contents.name


def _address(url: URL) -> str:
    """Where the database is, without the password: other users of the machine see a program's arguments."""
    plain = url.set(drivername="postgresql", password=None)
    return plain.render_as_string(hide_password=False)


def _run(program: str, *arguments: str, url: URL | None = None) -> str:
    """What a program of PostgreSQL's says. Raises CopyFailed with its first line of complaint."""
    found = shutil.which(program)
    if found is None:
        raise CopyFailed(
            f"{program} is not installed; Debian has it in postgresql-client, in the server's version"
        )
    environment = {**os.environ, "TZ": "UTC", "LC_ALL": "C.UTF-8"}
    if url is not None and url.password is not None:
        environment["PGPASSWORD"] = str(url.password)
    done = subprocess.run(  # noqa: S603  (no shell)
        [found, *arguments], env=environment, capture_output=True, text=True, check=False
    )
    if done.returncode:
        complaint = (done.stderr.strip() or f"exit status {done.returncode}").splitlines()[0]
        raise CopyFailed(complaint if complaint.startswith(program) else f"{program}: {complaint}")
    return done.stdout
