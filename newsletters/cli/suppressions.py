"""``suppressions``: the list of addresses nothing is sent to, out of and into a file.

The file that goes out holds hashes, good for this newsroom's ADDRESS_HASH_KEY and worthless without it.
"""

import sys
from typing import TextIO

import click

from config import Config
from newsletters.accounts import audit
from newsletters.runtime import Runtime, build
from newsletters.subscribers.suppression_files import Imported, add_piece, read_list, write_list

OPERATOR = "operator"


@click.group()
def suppressions() -> None:
    """Take the suppression list out of, or bring one into, this newsroom."""


@suppressions.command("export")
@click.argument("file", type=click.File("w", encoding="utf-8"), default="-")
def export_list(file: TextIO) -> None:
    """Write every entry in force to FILE as CSV: hashes, no addresses."""
    runtime = build(Config.from_env())
    try:
        written = export_to(runtime, file)
    finally:
        runtime.db.close()
    click.echo(f"Entries written: {written}.", err=True)


@suppressions.command("import")
@click.argument("file", type=click.File("r", encoding="utf-8", errors="replace"))
@click.option("--reason", required=True, help="Why; it stands beside every entry.")
def import_list(file: TextIO, reason: str) -> None:
    """Suppress every address in FILE: one a line, CSV with an address in it, or an export of ours."""
    runtime = build(Config.from_env())
    try:
        counted = import_from(runtime, file, reason=reason)
    finally:
        runtime.db.close()
    said = f"Lines read: {counted.read}, added: {counted.added}, not understood: {counted.unreadable}."
    click.echo(said)
    sys.exit(1 if counted.unreadable else 0)


def export_to(runtime: Runtime, file: TextIO) -> int:
    """Write the list, and into the audit log that it went out."""
    with runtime.db.transaction() as session:
        written = write_list(session, file)
        audit.record(
            session,
            OPERATOR,
            "suppressions.exported",
            now=runtime.clock.now(),
            subject="suppressions",
            detail=str(written),
        )
    return written


def import_from(runtime: Runtime, file: TextIO, *, reason: str) -> Imported:
    """Bring a list in, piece by piece: what was read before a failure stays, and may come again."""
    counted = Imported()
    for piece in read_list(file, runtime.digester, counted):
        with runtime.db.transaction() as session:
            counted.added += add_piece(
                session, piece, detail=audit.clean(reason)[:300], actor=OPERATOR, now=runtime.clock.now()
            )
    with runtime.db.transaction() as session:
        audit.record(
            session,
            OPERATOR,
            "suppressions.imported",
            now=runtime.clock.now(),
            subject="suppressions",
            detail=f"{counted.added} of {counted.read}: {reason}",
        )
    return counted
