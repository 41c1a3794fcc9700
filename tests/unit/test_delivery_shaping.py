"""Shaping files: our own rules, an operator's over them, and every mistake told by its place."""

from datetime import date
from pathlib import Path

import pytest

from newsletters.delivery.shaping import Rules, WarmUp
from newsletters.delivery.shaping_file import Rulebook
from newsletters.delivery.shaping_reading import BadShaping, read_rules

RELAY = "mail.relay.example:587"


def _rules(folder: Path, text: str) -> Rules:
    path = folder / "shaping.toml"
    path.write_text(text)
    return read_rules(path)


@pytest.mark.parametrize(
    ("domain", "connections", "messages"),
    [("gmail.com", 5, 50), ("yahoo.com", None, 20), ("outlook.com", 5, 50), ("ukr.net", 5, 50)],
)
def test_the_large_providers_have_limits_as_delivered(
    domain: str, connections: int | None, messages: int
) -> None:
    rules = read_rules()

    limits = rules.of(RELAY, rules.by_domain[domain])

    assert (limits.connections, limits.messages) == (connections, messages)


def test_google_takes_mail_over_tls_only() -> None:
    assert read_rules().of(RELAY, "google").needs_tls


def test_a_domain_of_its_own_has_no_limit_as_delivered() -> None:
    limits = read_rules().of(RELAY, "newsroom.example")

    assert (limits.connections, limits.messages, limits.rate) == (None, None, None)


def test_a_key_of_the_operator_replaces_that_key_alone(tmp_path: Path) -> None:
    rules = _rules(tmp_path, '[providers.google]\nrate = "600/minute"\nconnections = 0\n')

    google = rules.of(RELAY, "google")

    assert str(google.rate) == "600/minute"
    assert (google.connections, google.messages) == (None, 50)
    assert rules.by_domain["gmail.com"] == "google"


def test_a_provider_may_have_other_limits_at_one_server(tmp_path: Path) -> None:
    rules = _rules(tmp_path, f'[servers."{RELAY}".providers.google]\nconnections = 2\n')

    assert rules.of(RELAY, "google").connections == 2
    assert rules.of(RELAY, "google").messages == 50
    assert rules.of("other.example:25", "google").connections == 5


def test_a_relay_speaks_to_providers_on_its_own(tmp_path: Path) -> None:
    rules = _rules(
        tmp_path,
        f'[servers."{RELAY}"]\nrelay = true\n[servers."{RELAY}".providers.yahoo]\nconnections = 3\n',
    )

    google, yahoo = rules.of(RELAY, "google"), rules.of(RELAY, "yahoo")

    assert (google.connections, google.messages, google.needs_tls) == (None, None, False)
    assert (yahoo.connections, yahoo.messages) == (3, None)


def test_a_server_has_a_weight_and_limits(tmp_path: Path) -> None:
    rules = _rules(
        tmp_path,
        f'[servers."{RELAY}"]\nweight = 3\nconnections = 4\nrate = "14/s"\nburst = 1\n'
        f"warm_up = {{ since = 2026-03-01, days = [50, 100] }}\n",
    )

    server = rules.of_server(RELAY)

    assert (server.weight, server.limits.connections) == (3, 4)
    assert server.limits.rate is not None and server.limits.rate.burst == 1
    assert server.limits.warm_up == WarmUp((50, 100), date(2026, 3, 1))


def test_a_warm_up_allows_more_each_day_and_then_everything() -> None:
    warm_up = WarmUp((50, 100, 200), date(2026, 3, 1))

    allowed = [warm_up.most(None, today=date(2026, 3, day)) for day in (1, 2, 3, 4)]

    assert allowed == [50, 100, 200, None]
    assert warm_up.most(None, today=date(2026, 2, 1)) == 50


def test_a_warm_up_may_begin_with_the_first_use() -> None:
    warm_up = WarmUp((50, 100))

    allowed = [warm_up.most(used, today=date(2026, 3, 2)) for used in (None, date(2026, 3, 1))]

    assert allowed == [50, 100]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("connections = 5", "connections: unknown; there are default, providers, servers"),
        ("[default]\nconection = 5", "[default] conection: unknown; there are burst, connections"),
        ("[default]\nconnections = -1", "[default] connections: -1 is not a whole number from 0"),
        ("[default]\nconnections = true", "[default] connections: True is not a whole number"),
        ('[default]\nrate = "fast"', "[default] rate: 'fast' is not a rate: write 14/second"),
        ('[default]\ntls = "maybe"', "[default] tls: 'maybe' is not required or any"),
        ("[providers.google]\ndomains = 'gmail.com'", "[providers.google] domains: write a list"),
        ("[providers.mine]\nconnections = 1", "[providers.mine] domains: a provider needs domains or mx"),
        ('[providers.mine]\ndomains = ["GMAIL.com"]', "domains: gmail.com stands in google too"),
        ('[servers."a:25"]\nrelay = 1', "[servers.a:25] relay: 1 is not true or false"),
        ('[servers."a:25".providers.google]\nname = "x"', "[servers.a:25.providers.google] name: unknown"),
        ("[servers]\na = 1", "[servers.a] this must be a section"),
        ("[default]\nwarm_up = { days = [1, 0] }", "[default] warm_up days: write a list of messages a day"),
        ('[default]\nwarm_up = { days = [1], since = "1 May" }', "[default] warm_up since: write a day"),
        ("[default", "Expected ']'"),
        ("default = 5", "[default] this must be a section"),
    ],
)
def test_a_mistake_is_told_with_file_section_and_key(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(BadShaping) as told:
        _rules(tmp_path, text)

    assert str(told.value).startswith(f"{tmp_path / 'shaping.toml'}: ")
    assert said in str(told.value)


def test_a_file_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(BadShaping, match="cannot be read: No such file"):
        read_rules(tmp_path / "none.toml")


def test_a_file_is_read_again_when_it_changes(tmp_path: Path) -> None:
    path = tmp_path / "shaping.toml"
    path.write_text("[default]\nconnections = 5\n")
    rulebook = Rulebook(path)

    quiet = rulebook.refresh()
    path.write_text("[default]\nconnections = 12\n")
    changed = rulebook.refresh()

    assert (quiet, changed) == (False, True)
    assert rulebook.rules.default.connections == 12


def test_a_broken_file_leaves_the_rules_before_it_in_force_and_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "shaping.toml"
    path.write_text("[default]\nconnections = 5\n")
    rulebook = Rulebook(path)

    path.write_text("[default]\nconnections = many\n")
    is_new = rulebook.refresh()
    told_once = (rulebook.refresh(), len(caplog.records))

    assert not is_new
    assert rulebook.rules.default.connections == 5
    assert str(path) in rulebook.trouble
    assert told_once == (False, 1)


def test_a_mended_file_is_in_force_again(tmp_path: Path) -> None:
    path = tmp_path / "shaping.toml"
    path.write_text("[default]\nconnections = 5\n")
    rulebook = Rulebook(path)
    path.write_text("broken")
    rulebook.refresh()

    path.write_text("[default]\nconnections = 7\n")
    rulebook.refresh()

    assert (rulebook.rules.default.connections, rulebook.trouble) == (7, "")


def test_a_file_that_vanished_leaves_its_rules_in_force(tmp_path: Path) -> None:
    path = tmp_path / "shaping.toml"
    path.write_text("[default]\nconnections = 5\n")
    rulebook = Rulebook(path)

    path.unlink()
    rulebook.refresh()

    assert rulebook.rules.default.connections == 5
    assert "cannot be read" in rulebook.trouble


def test_nobody_starts_under_rules_that_cannot_be_read(tmp_path: Path) -> None:
    path = tmp_path / "shaping.toml"
    path.write_text("[default]\nspeed = 1\n")

    with pytest.raises(BadShaping, match="speed: unknown"):
        Rulebook(path)
