"""Signs of a machine, and what a browser remembers."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.kernel.digests import Digester
from newsletters.kernel.tokens import Purpose, Signer
from newsletters.kernel.urls import Urls
from newsletters.subscribers.browser import BROWSER_LIFETIME, MOST_REQUESTS, remember, remembered
from newsletters.subscribers.guard import client_digest
from newsletters.subscribers.signals import (
    Signal,
    fill_token,
    filled_in_seconds,
    is_risky,
    noticed,
    risk,
)
from newsletters.subscribers.words import without_controls
from tests.conftest import NOW


class Kit:
    """The means without a runtime."""

    signer = Signer([b"k" * 32])
    digester = Digester(b"h" * 32)
    urls = Urls("http://localhost")


kit = Kit()


@pytest.mark.parametrize(
    ("trap", "seconds", "expected"),
    [
        ("", None, set()),
        ("", 2.0, set()),
        ("  ", 60.0, set()),
        ("http://spam", None, {Signal.TRAP}),
        ("", 0.4, {Signal.FAST}),
        ("x", 0.4, {Signal.TRAP, Signal.FAST}),
    ],
)
def test_each_sign_is_noticed_by_itself(trap: str, seconds: float | None, expected: set[Signal]) -> None:
    assert noticed(trap=trap, filled_in_seconds=seconds) == expected


@pytest.mark.parametrize("signal", Signal)
def test_one_sign_alone_convicts_nobody(signal: Signal) -> None:
    assert not is_risky({signal})


@pytest.mark.parametrize(
    "signals", [{Signal.TRAP, Signal.FAST}, {Signal.LINK, Signal.CROWD}, {Signal.LINK, Signal.TRAP}]
)
def test_signs_add_up(signals: set[Signal]) -> None:
    assert is_risky(signals)


def test_a_throwaway_address_among_many_is_no_machine_yet() -> None:
    assert not is_risky({Signal.THROWAWAY, Signal.CROWD, Signal.FAST})
    assert risk(set()) == 0


@pytest.mark.parametrize("name", ["https://x.example", "win at casino.top", "www.spam"])
def test_a_link_is_no_name(name: str) -> None:
    assert Signal.LINK in noticed(trap="", filled_in_seconds=None, name=name)


@pytest.mark.parametrize("name", ["Olena", "J. R. Smith", "Ірина К.", "Dr.Who", ""])
def test_a_name_is_no_link(name: str) -> None:
    assert noticed(trap="", filled_in_seconds=None, name=name) == frozenset()


@given(st.floats(0, 10**6))
def test_the_fill_time_is_known_to_a_hundredth(seconds: float) -> None:
    token = fill_token(kit, now=NOW)

    found = filled_in_seconds(kit, token, now=NOW + timedelta(seconds=seconds))

    assert found == pytest.approx(seconds, abs=0.01)


@pytest.mark.parametrize(
    "token", ["", "nonsense", kit.signer.sign(Purpose.CONFIRM, 1), kit.signer.sign(Purpose.FILL_TIME)]
)
def test_a_form_that_does_not_say_when_it_was_made_is_no_sign(token: str) -> None:
    assert filled_in_seconds(kit, token, now=NOW) is None


def test_a_form_from_the_future_is_no_sign() -> None:
    token = fill_token(kit, now=NOW + timedelta(minutes=3))

    assert filled_in_seconds(kit, token, now=NOW) is None


@given(st.lists(st.integers(1, 2**40), max_size=20, unique=True))
def test_a_browser_remembers_its_newest_requests(requests: list[int]) -> None:
    cookie = None
    for number in requests:
        cookie = remember(kit, cookie, number, now=NOW)

    assert remembered(kit, cookie, now=NOW) == tuple(requests[-MOST_REQUESTS:])


@pytest.mark.parametrize("cookie", [None, "", "nonsense", kit.signer.sign(Purpose.CONFIRM, 7)])
def test_what_is_no_cookie_of_ours_names_nothing(cookie: str | None) -> None:
    assert remembered(kit, cookie, now=NOW) == ()


def test_a_browser_forgets_after_a_day() -> None:
    cookie = remember(kit, None, 7, now=NOW)

    assert remembered(kit, cookie, now=NOW + BROWSER_LIFETIME + timedelta(minutes=6)) == ()


def test_one_client_is_one_however_its_address_is_written() -> None:
    written = ["192.0.2.7", "::ffff:192.0.2.7"]

    assert len({client_digest(kit, client) for client in written}) == 1


def test_a_client_is_kept_as_a_keyed_hash_alone() -> None:
    assert "192.0.2.7" not in client_digest(kit, "192.0.2.7")
    assert client_digest(kit, "192.0.2.7") != client_digest(kit, "192.0.2.8")


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("  Olena \n Kovalenko ", "Olena Kovalenko"),
        ("Ole\x00na", "Olena"),
        ("\u202eanelO", "anelO"),
        ("\ue000deadbeef\ue001", "deadbeef"),
        ("Оле\u0301на", "Оле\u0301на"),
        ("й".encode().decode(), "й"),
        ("نرگس\u200cخاتون", "نرگس\u200cخاتون"),
    ],
)
def test_a_name_keeps_its_letters_and_loses_what_nobody_types(typed: str, kept: str) -> None:
    assert without_controls(typed) == kept
