"""Accounts from the shell, for operators: the first one, and ways back in where mail or a phone is lost.

No password is ever printed for a live installation, only a link to choose one that is good once and for an
hour (OWASP ASVS 5.0, 6.4.1).
"""

import click
from sqlalchemy import select

from config import Config
from newsletters.accounts import resets, second_factor
from newsletters.accounts.editors import create_editor, editor_by_address
from newsletters.accounts.invitations import Letterhead
from newsletters.accounts.models import Editor, Role
from newsletters.accounts.queries import all_editors
from newsletters.kernel.i18n import DEFAULT_LANGUAGE
from newsletters.runtime import Runtime, build

OPERATOR = "operator"


class NoSuchEditor(Exception):
    """Nobody has an account with this address."""


@click.group()
def editors() -> None:
    """See who may sign in, and let somebody in who lost their second factor."""


@editors.command("list")
def list_editors() -> None:
    """List accounts: address, role, whether they can sign in, whether there is a second factor."""
    runtime = build(Config.from_env())
    try:
        click.echo("\n".join(lines(runtime)))
    finally:
        runtime.close()


@editors.command("reset-second-factor")
@click.argument("email")
def reset_second_factor(email: str) -> None:
    """Take the second factor from the account of EMAIL: the password alone lets them in again."""
    runtime = build(Config.from_env())
    try:
        was_on = take_factor(runtime, email)
    except NoSuchEditor as error:
        raise click.ClickException(f"{email} has no account.") from error
    finally:
        runtime.close()
    click.echo(
        f"{email} signs in with the password alone, is signed out everywhere and told by mail."
        if was_on
        else f"{email} has no second factor."
    )


@editors.command("password-link")
@click.argument("email")
def print_password_link(email: str) -> None:
    """Print a link by which whoever has the account of EMAIL chooses a new password."""
    runtime = build(Config.from_env())
    try:
        link = password_link(runtime, email)
    except NoSuchEditor as error:
        raise click.ClickException(f"{email} has no account that can sign in.") from error
    finally:
        runtime.close()
    click.echo(link)


def lines(runtime: Runtime) -> list[str]:
    """One line for each account."""
    with runtime.db.reading() as session:
        return [_line(editor) for editor in all_editors(session)] or ["There are no accounts."]


def take_factor(runtime: Runtime, email: str) -> bool:
    """Reset a second factor; False when there was none. Raises NoSuchEditor."""
    with runtime.db.transaction() as session:
        editor = editor_by_address(session, email)
        if editor is None:
            raise NoSuchEditor
        return second_factor.reset(
            session, editor, actor=OPERATOR, letterhead=_letterhead(runtime), now=runtime.clock.now()
        )


def password_link(runtime: Runtime, email: str) -> str:
    """Where a password is chosen for that account. Raises NoSuchEditor."""
    with runtime.db.transaction() as session:
        editor = editor_by_address(session, email)
        if editor is None or editor.disabled_at is not None:
            raise NoSuchEditor
        return resets.make_link(
            session, editor, asked_by=OPERATOR, letterhead=_letterhead(runtime), now=runtime.clock.now()
        )


def has_editor(runtime: Runtime) -> bool:
    """Whether anybody has an account."""
    with runtime.db.reading() as session:
        return session.scalar(select(Editor.id).limit(1)) is not None


def make_editor(runtime: Runtime, *, email: str, name: str, role: str) -> str:
    """Create the account and return its generated password. Raises InvalidAddress or EditorExists."""
    with runtime.db.transaction() as session:
        made = create_editor(
            session,
            email=email,
            name=name or email.partition("@")[0],
            role=Role(role),
            now=runtime.clock.now(),
        )
    return made.password


def _letterhead(runtime: Runtime) -> Letterhead:
    return Letterhead(runtime.signer, runtime.urls, runtime.config.newsroom, DEFAULT_LANGUAGE)


def _line(editor: Editor) -> str:
    state = "disabled" if editor.disabled_at else "can sign in"
    factor = "second factor" if editor.has_second_factor else "password alone"
    return f"{editor.email}  {editor.role.value}  {state}  {factor}"
