"""``backup``, ``restore``, ``release``: copies of the database, and the hold a restored one begins with."""

from datetime import datetime
from pathlib import Path

import click

from config import Config
from newsletters.accounts import audit
from newsletters.cli import copies_postgresql, copies_sqlite
from newsletters.cli.copies_sqlite import CopyFailed
from newsletters.cli.restoring import OPERATOR, Restored, restore
from newsletters.delivery import restoring
from newsletters.kernel.restorations import Restoration
from newsletters.runtime import Runtime, build

FILE = click.Path(dir_okay=False, path_type=Path)
NOT_REPLAYED = (
    "No database was asked who left since. If there is one, or a list of suppressions, read it in before you "
    "release: python -m newsletters.cli suppressions import FILE --reason restored"
)


@click.command("backup")
@click.argument("file", type=FILE)
def backup_command(file: Path) -> None:
    """Copy the database to FILE while it is in use, and check the copy. An older FILE is replaced."""
    config = Config.from_env()
    runtime = build(config)
    try:
        back_up(runtime, file.absolute())
    except CopyFailed as error:
        raise click.ClickException(str(error)) from error
    finally:
        runtime.close()
    click.echo(f"{file}: {file.stat().st_size / 1024**2:.1f} MiB, checked.")
    keys = [name for name in ("secret_key", "address_hash_key") if (config.data_dir / name).exists()]
    if keys:
        click.echo(f"Keep with it, once: {' and '.join(str(config.data_dir / name) for name in keys)}")


@click.command("restore")
@click.argument("file", type=FILE)
@click.option("--replay", metavar="URL", help="A database to ask who left since; on SQLite the one replaced.")
def restore_command(file: Path, replay: str | None) -> None:
    """Put the copy FILE in the place of the database. All sending is held until an owner releases it."""
    runtime = build(Config.from_env())
    try:
        if not file.exists():
            raise CopyFailed(f"{file} is not there")
        done = restore(runtime, file.absolute(), replay_from=replay, now=runtime.clock.now())
    except CopyFailed as error:
        raise click.ClickException(str(error)) from error
    finally:
        runtime.close()
    click.echo("\n".join(_said(done)))


@click.command("release")
@click.option("--yes", is_flag=True, help="Do not ask.")
def release_command(yes: bool) -> None:
    """Let sending go on after a copy was put back: somebody has looked."""
    runtime = build(Config.from_env())
    try:
        if not yes:
            click.confirm("Have you looked at the paused and scheduled issues on the desk?", abort=True)
        copy = release(runtime, now=runtime.clock.now())
    finally:
        runtime.close()
    if copy is None:
        raise click.ClickException("Nothing is held.")
    click.echo("Released. Each paused issue goes on when an editor lets it.")


def back_up(runtime: Runtime, file: Path) -> None:
    """Copy the database of the settings to ``file``. Raises CopyFailed."""
    if not runtime.db.is_sqlite:
        copies_postgresql.dump(runtime.db.url, file)
        return
    source = Path(runtime.db.url.database or "").absolute()
    if file.resolve() == source.resolve():
        raise CopyFailed(f"{file} is the database itself")
    copies_sqlite.copy_to(source, file, copied_at=runtime.clock.now())


def release(runtime: Runtime, *, now: datetime) -> Restoration | None:
    """End the hold in an operator's name; None where there is none."""
    with runtime.db.transaction() as session:
        copy = restoring.release(session, by=OPERATOR, now=now)
        if copy is not None:
            audit.record(session, OPERATOR, "sending.released", now=now, subject="database")
    return copy


def _said(done: Restored) -> list[str]:
    lines = [
        f"Restored from a copy of {done.copied_at:%Y-%m-%d %H:%M} UTC.",
        f"Held: {done.issues_held} issues on their way. "
        f"Not sent: {done.mails_left} single mails that waited then.",
    ]
    if done.replayed is None:
        lines.append(NOT_REPLAYED)
    else:
        told = done.replayed
        lines.append(
            f"From the database before it: {told.departures} subscriptions ended, {told.suppressions} "
            f"suppressions, {told.erasures} erasures."
        )
    if done.kept is not None:
        lines.append(f"That database is kept as {done.kept}; delete it when you need it no more.")
    lines.append(
        "All sending is held. Look at the issues on the desk, then release it there or by: "
        "python -m newsletters.cli release"
    )
    return lines
