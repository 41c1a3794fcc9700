"""Accounts from the shell: a link to choose a password, and never a password."""

import re

import pytest
from click.testing import CliRunner, Result
from flask.testing import FlaskClient
from sqlalchemy.engine import make_url

from config import Config
from newsletters.cli.commands import commands
from newsletters.runtime import Runtime
from tests.desk import PASSWORD, csrf_token

ADA = "ada@newsroom.example"


@pytest.fixture
def settings(config: Config, runtime: Runtime) -> dict[str, str]:
    return {
        "DATA_DIR": str(config.data_dir),
        "DATABASE_URL": make_url(config.database_url).render_as_string(hide_password=False),
        "ENGINE_URL": "memory://",
        "SECRET_KEY": config.secret_key,
        "ADDRESS_HASH_KEY": config.address_hash_key,
    }


def ask(settings: dict[str, str], *arguments: str) -> Result:
    return CliRunner().invoke(commands, arguments, env=settings)


def page_in(said: str) -> str:
    """The path of the link that was printed."""
    return str(re.findall(r"http://[^/\s]+(/desk/password/\S+)", said)[0])


def choose(client: FlaskClient, page: str) -> int:
    """Choose a password behind a link."""
    if client.get(page).status_code != 200:
        return 410
    fields = {"password": PASSWORD, "again": PASSWORD, "csrf_token": csrf_token(client, page)}
    return client.post(page, data=fields).status_code


def test_an_operator_s_link_lets_an_editor_choose_a_password_once(
    client: FlaskClient, settings: dict[str, str]
) -> None:
    made = ask(settings, "create-editor", ADA, "--role", "owner")
    another = ask(settings, "editors", "password-link", ADA)

    chosen = [choose(client, page_in(another.output)), choose(client, page_in(another.output))]
    void = choose(client, page_in(made.output))
    token = csrf_token(client, "/desk/sign-in")
    signed_in = client.post("/desk/sign-in", data={"email": ADA, "password": PASSWORD, "csrf_token": token})

    assert (made.exit_code, another.exit_code) == (0, 0)
    assert "password:" not in made.output
    assert (chosen, void) == ([303, 410], 410)
    assert signed_in.status_code == 303


@pytest.mark.parametrize("arguments", [("editors", "password-link", ADA), ("create-editor", "ada at home")])
def test_what_cannot_be_is_said_in_one_line(settings: dict[str, str], arguments: tuple[str, ...]) -> None:
    said = ask(settings, *arguments)

    assert said.exit_code == 1
    assert said.output.startswith("Error: ada")
    assert said.output.count("\n") == 1
