"""``dkim-key``: keys that sign, records that verify, and files nobody else can read."""

import re
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from newsletters.cli.dkim import dkim_key, is_selector, make_keys
from newsletters.mail.domains.dkim import published
from newsletters.mail.domains.dns import Dns
from newsletters.mail.sign import load_key
from tests.nameserver import name_server


@pytest.fixture
def environ(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings of a newsroom that has none yet."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATA_DIR", str(tmp_path / "var"))
    monkeypatch.setenv("MAIL_FROM", "letters@news.press")
    return tmp_path


def ask(*arguments: str) -> Result:
    return CliRunner().invoke(dkim_key, arguments)


def test_both_keys_are_made_and_explained(environ: Path) -> None:
    said = ask("--selector", "2026a")

    paths = [environ / "var/dkim" / f"news.press.2026a-{one}.pem" for one in ("rsa", "ed25519")]
    assert said.exit_code == 0
    assert f"DKIM_KEY={paths[0]},{paths[1]}" in said.output
    assert "DKIM_SELECTOR=2026a-rsa,2026a-ed25519" in said.output
    assert [stat.S_IMODE(path.stat().st_mode) for path in paths] == [0o600, 0o600]
    assert stat.S_IMODE(paths[0].parent.stat().st_mode) == 0o700
    assert "PRIVATE" not in said.output


def test_the_records_that_are_printed_verify_the_keys(environ: Path) -> None:
    said = ask("--selector", "2026a")

    zone = {
        (name, "TXT"): [value]
        for name, value in re.findall(r"^ +(\S+)\. IN TXT \((.+)\)$", said.output, re.MULTILINE)
    }
    strings = [text for value in zone.values() for text in re.findall(r'"([^"]+)"', value[0])]
    keys = [
        load_key(environ / f"var/dkim/news.press.{name}.pem", domain="news.press", selector=name)
        for name in ("2026a-rsa", "2026a-ed25519")
    ]
    with name_server(zone) as server:
        found = [published(Dns(server.resolver()), key)[0] for key in keys]
    assert found == ["right", "right"]
    assert max(len(text) for text in strings) == 255


@pytest.mark.parametrize("algorithm", ["rsa", "ed25519"])
def test_one_key_keeps_the_selector_as_it_is(algorithm: str, environ: Path) -> None:
    ask(
        "--selector", "2026a", "--algorithm", algorithm, "--out", str(environ / "keys"), "--domain", "a.press"
    )

    key = load_key(environ / "keys/a.press.2026a.pem", domain="a.press", selector="2026a")
    assert key.algorithm.startswith(algorithm)


def test_a_key_is_never_overwritten(environ: Path) -> None:
    ask("--selector", "2026a")
    before = (environ / "var/dkim/news.press.2026a-rsa.pem").read_bytes()

    again = ask("--selector", "2026a")

    assert again.exit_code == 1
    assert "Choose another selector" in again.output
    assert (environ / "var/dkim/news.press.2026a-rsa.pem").read_bytes() == before


def test_nothing_is_made_when_one_of_two_is_there(environ: Path) -> None:
    make_keys(environ / "keys", domain="a.press", selector="x-ed25519", algorithms=["ed25519"])

    with pytest.raises(FileExistsError):
        make_keys(environ / "keys", domain="a.press", selector="x")
    assert [path.name for path in (environ / "keys").iterdir()] == ["a.press.x-ed25519.pem"]


def test_rotation_says_what_to_do_with_the_old_keys(environ: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ask("--selector", "2025a", "--algorithm", "rsa")
    old = environ / "var/dkim/news.press.2025a.pem"
    monkeypatch.setenv("DKIM_KEY", str(old))
    monkeypatch.setenv("DKIM_SELECTOR", "2025a")

    said = ask("--selector", "2026a", "--algorithm", "rsa").output

    assert "Leave the records of the old keys (2025a) in the DNS" in said
    assert str(old) in said


@pytest.mark.parametrize("selector", ["", "a.b", "A", "-a", "a-", "../x", "a b", "a" * 51, "ключ"])
def test_a_selector_is_one_label(selector: str, environ: Path) -> None:
    assert not is_selector(selector)
    assert ask("--selector", selector).exit_code == 1
