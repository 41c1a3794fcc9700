"""The operator's commands: run everything or one program of it, migrate, look after the newsroom.

Each is thin: read the settings, open one transaction, call one use case, say what happened. A setting
that cannot be used is one line on standard error and exit status 2.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import click
from sqlalchemy.exc import SQLAlchemyError

from config import BadSetting, Config
from newsletters.accounts.errors import EditorExists
from newsletters.cli import demo, programs, readiness, supervisor, workers
from newsletters.cli.copies import backup_command, release_command, restore_command
from newsletters.cli.dkim import dkim_key
from newsletters.cli.doctor import doctor
from newsletters.cli.editors import editors, make_editor, password_link
from newsletters.cli.shaping import shaping
from newsletters.cli.suppressions import suppressions
from newsletters.inbound.serving import main as serve_mail_door
from newsletters.kernel.addresses import InvalidAddress
from newsletters.migrations import upgrade
from newsletters.runtime import Runtime, build
from newsletters.tasks.worker import main as work


def main() -> None:
    """Run one command; whatever is wrong with the settings is one clear line."""
    try:
        commands(standalone_mode=True)
    except BadSetting as error:
        click.echo(f"Cannot start: {error}", err=True)
        sys.exit(2)


@click.group()
def commands() -> None:
    """Run and look after a newsletter subscription manager."""


for command in (
    backup_command,
    dkim_key,
    doctor,
    editors,
    release_command,
    restore_command,
    shaping,
    suppressions,
):
    commands.add_command(command)


@commands.command()
def run() -> None:
    """Run everything on this machine: web server, worker, mail door, SMTP sink and the example article."""
    sys.exit(supervisor.run(Config.from_env()))


@commands.command()
def migrate() -> None:
    """Bring the database to this version of the code."""
    with _opened() as runtime:
        upgrade(runtime.db.engine)
    click.echo("The database is up to date.")


@commands.command()
def web() -> None:
    """Serve readers' pages, forms and the editors' desk; on as many machines as you like."""
    config = _checked()
    argv = programs.web(config)
    os.chdir(programs.ROOT)
    os.execv(argv[0], argv)  # noqa: S606  (our own command, no shell)


@commands.command()
def worker() -> None:
    """Send mail until told to stop; on as many machines as you like."""
    _checked()
    sys.exit(work())


@commands.command()
def inbound() -> None:
    """Take the mail that comes back to us; on as many machines as you like."""
    _checked()
    sys.exit(serve_mail_door())


@commands.command("workers")
def list_workers() -> None:
    """List the workers of all machines."""
    with _opened() as runtime:
        click.echo("\n".join(workers.lines(runtime)))


@commands.command("demo")
def furnish_demo() -> None:
    """Furnish an empty database with the demo newsroom."""
    with _opened() as runtime:
        if not demo.is_empty(runtime):
            raise click.ClickException("The database already holds a newsroom; the demo needs an empty one.")
        demo.furnish(runtime)
    click.echo("The demo newsroom is ready.")


@commands.command("create-editor")
@click.argument("email")
@click.option("--name", default="", help="Shown to colleagues; the address's local part by default.")
@click.option("--role", type=click.Choice(["owner", "editor"]), default="editor", show_default=True)
def create_editor(email: str, name: str, role: str) -> None:
    """Make an account for EMAIL and print a link by which its password is chosen."""
    with _opened() as runtime:
        try:
            make_editor(runtime, email=email, name=name, role=role)
            link = password_link(runtime, email)
        except InvalidAddress as error:
            raise click.ClickException(f"{email} is not an e-mail address: {error}") from error
        except EditorExists as error:
            raise click.ClickException(f"{email} already has an account.") from error
    click.echo(f"{email} has an account. Choose its password here, once and within an hour:\n\n  {link}\n")
    click.echo(f"Another link, later: python -m newsletters.cli editors password-link {email}")


def _checked() -> Config:
    """The settings, once what a program needs is there; what is not is one clear line."""
    config = Config.from_env()
    runtime = build(config)
    try:
        readiness.check(runtime)
        if trouble := readiness.engine_trouble(runtime):
            click.echo(trouble, err=True)
    except readiness.NotReady as error:
        raise click.ClickException(str(error)) from error
    finally:
        runtime.close()
    return config


@contextmanager
def _opened() -> Iterator[Runtime]:
    """A runtime for one command; a database that cannot be used is one clear line."""
    runtime = build(Config.from_env())
    try:
        yield runtime
    except SQLAlchemyError as error:
        raise click.ClickException(f"DATABASE_URL: {str(error).splitlines()[0]}") from error
    finally:
        runtime.close()
