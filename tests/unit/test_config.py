"""Settings: every one documented, every bad one a clear line."""

import re
from dataclasses import fields
from pathlib import Path

import pytest

from config import READERS, BadSetting, Config

ROOT = Path(__file__).parent.parent.parent
SINK_CODE = ROOT / "newsletters/sink/settings.py"
SINK_SETTING = re.compile(r'"(SINK_[A-Z_]+)"')
TABLE_ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def test_every_setting_is_documented_and_no_other() -> None:
    documented = TABLE_ROW.findall((ROOT / "docs/configuration.md").read_text())

    assert sorted(documented) == sorted(set(READERS) | set(SINK_SETTING.findall(SINK_CODE.read_text())))


def test_every_setting_is_a_field_and_no_other() -> None:
    names = {field.name for field in fields(Config)}

    assert names == {name.lower() for name in READERS}


def test_documented_ports_are_the_defaults(tmp_path: Path) -> None:
    table = (ROOT / "docs/configuration.md").read_text()

    config = Config.from_env({"DATA_DIR": str(tmp_path)})

    for name in ("PORT", "SINK_SMTP_PORT", "SINK_HTTP_PORT", "EXAMPLE_PORT", "INBOUND_PORT"):
        assert f"| `{name}` | `{getattr(config, name.lower())}` |" in table


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "0"),
        ("PORT", "65536"),
        ("PUBLIC_URL", "newsroom.example"),
        ("DATABASE_URL", "mysql://localhost/x"),
        ("SMTP_URL", "http://localhost"),
        ("SECRET_KEY", "short"),
        ("TRUSTED_PROXIES", "10.0.0.0/99"),
        ("LOG_LEVEL", "LOUD"),
        ("BATCH_SIZE", "-1"),
    ],
)
def test_a_bad_setting_is_named(name: str, value: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=rf"^{name}: "):
        Config.from_env({"DATA_DIR": str(tmp_path), name: value})


@pytest.mark.parametrize("keys", ["DKIM_KEY", "SINGLE_DKIM_KEY"])
def test_every_key_needs_a_selector(keys: str, tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=f"^{keys.replace('KEY', 'SELECTOR')}: needs one selector"):
        Config.from_env({"DATA_DIR": str(tmp_path), keys: "/one.pem,/two.pem"})


def test_single_mails_leave_as_issues_do_where_nothing_else_is_said(tmp_path: Path) -> None:
    given = {"DATA_DIR": str(tmp_path), "SMTP_URL": "smtp://one", "DKIM_KEY": "/k.pem", "DKIM_SELECTOR": "s"}
    both = Config.from_env({**given, "DKIM_DOMAIN": "news.press"})
    apart = Config.from_env({**given, "DKIM_DOMAIN": "news.press", "SINGLE_SMTP_URL": "smtp://two"})

    assert (both.has_two_streams, both.of_single_mails()) == (False, both)
    assert (apart.has_two_streams, apart.of_single_mails().smtp_url) == (True, "smtp://two")
    assert apart.of_single_mails().dkim_domain == "news.press"


def test_the_folder_it_makes_is_not_for_everybody_on_the_machine(tmp_path: Path) -> None:
    Config.from_env({"DATA_DIR": str(tmp_path / "var")})

    assert not (tmp_path / "var").stat().st_mode & 0o007


def test_generated_secrets_are_kept_and_private(tmp_path: Path) -> None:
    first = Config.from_env({"DATA_DIR": str(tmp_path)})

    second = Config.from_env({"DATA_DIR": str(tmp_path)})

    assert second.secret_key == first.secret_key != first.address_hash_key
    assert (tmp_path / "secret_key").stat().st_mode & 0o077 == 0


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("s" * 40 + "\n")

    config = Config.from_env({"DATA_DIR": str(tmp_path), "SECRET_KEY_FILE": str(tmp_path / "key")})

    assert config.secret_key == "s" * 40


def test_a_missing_secret_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(BadSetting, match=r"^SECRET_KEY_FILE: cannot read"):
        Config.from_env({"DATA_DIR": str(tmp_path), "SECRET_KEY_FILE": str(tmp_path / "none")})


def test_the_sinks_port_decides_where_mail_goes_by_default(tmp_path: Path) -> None:
    config = Config.from_env({"DATA_DIR": str(tmp_path), "SINK_SMTP_PORT": "2525"})

    assert config.smtp_url == "smtp://127.0.0.1:2525"


def test_the_public_url_loses_its_last_slash(tmp_path: Path) -> None:
    config = Config.from_env({"DATA_DIR": str(tmp_path), "PUBLIC_URL": "https://news.example/"})

    assert config.public_url == "https://news.example"
    assert config.is_https
