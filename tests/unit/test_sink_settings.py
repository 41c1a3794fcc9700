from pathlib import Path

import pytest

from newsletters.sink.settings import SinkRefused, SinkSettings


def test_without_settings_the_sink_stays_on_loopback() -> None:
    settings = SinkSettings.from_env({})

    assert (settings.host, settings.smtp_port, settings.http_port) == ("127.0.0.1", 1025, 8025)
    assert settings.directory == Path("var/sink")


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.7", "mail.newsroom.example"])  # noqa: S104
def test_another_host_needs_a_second_setting(host: str) -> None:
    with pytest.raises(SinkRefused, match="SINK_ALLOW_REMOTE=yes"):
        SinkSettings.from_env({"SINK_HOST": host})

    assert SinkSettings.from_env({"SINK_HOST": host, "SINK_ALLOW_REMOTE": "yes"}).host == host


@pytest.mark.parametrize("permission", ["", "no", "1", "true", "maybe"])
def test_only_yes_is_a_yes(permission: str) -> None:
    with pytest.raises(SinkRefused):
        SinkSettings.from_env({"SINK_HOST": "192.0.2.7", "SINK_ALLOW_REMOTE": permission})


def test_settings_made_by_hand_are_held_to_the_same_rule() -> None:
    with pytest.raises(SinkRefused):
        SinkSettings(directory=Path("var/sink"), host="192.0.2.7")


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost", "LOCALHOST"])
def test_every_loopback_needs_no_second_setting(host: str) -> None:
    assert SinkSettings.from_env({"SINK_HOST": host}).host == host


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("SINK_SMTP_PORT", "smtp"),
        ("SINK_SMTP_PORT", "65536"),
        ("SINK_HTTP_PORT", "-1"),
        ("SINK_MAX_MESSAGES", "0"),
        ("SINK_MAX_MESSAGES", "1e3"),
        ("SINK_MAX_MESSAGE_BYTES", "12"),
    ],
)
def test_a_bad_number_is_refused_by_name(name: str, written: str) -> None:
    with pytest.raises(SinkRefused, match=f"{name}={written}"):
        SinkSettings.from_env({name: written})


def test_further_host_names_are_a_list() -> None:
    settings = SinkSettings.from_env({"SINK_HTTP_HOSTS": "Mail.test, sink.test"})

    assert settings.http_hosts == {"mail.test", "sink.test"}
