"""Return paths: short enough, readable again, and forged by any changed byte."""

import string
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.kernel.tokens import Purpose, Signer, TokenForeign, TokenForged
from newsletters.mail.verp import IssueBounce, MailBounce, ReturnPaths, UnsubscribeRequest

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
SIGNER = Signer([b"k" * 40])
PATHS = ReturnPaths(SIGNER, "bounces.news.example")
SOME = st.integers(0, 2**35 - 1)


@given(issue_id=SOME, subscriber_id=SOME)
def test_the_return_path_of_an_issue_is_short_and_readable(issue_id: int, subscriber_id: int) -> None:
    address = PATHS.for_issue(issue_id, subscriber_id)

    assert len(address.partition("@")[0]) <= 64
    assert PATHS.read(address, now=NOW) == IssueBounce(issue_id, subscriber_id)
    assert PATHS.read(address.upper(), now=NOW) == IssueBounce(issue_id, subscriber_id)


@given(outbox_id=SOME)
def test_the_return_path_of_a_single_mail_is_short_and_readable(outbox_id: int) -> None:
    address = PATHS.for_mail(outbox_id)

    assert len(address.partition("@")[0]) <= 64
    assert PATHS.read(address, now=NOW) == MailBounce(outbox_id)


@given(subscription_id=SOME, issue_id=st.integers(0, 2**35 - 1))
def test_an_unsubscribe_address_says_what_its_url_says(subscription_id: int, issue_id: int) -> None:
    address = PATHS.unsubscribe(subscription_id, issue_id)

    assert len(address.partition("@")[0]) <= 64
    assert PATHS.read(address, now=NOW) == UnsubscribeRequest((subscription_id, issue_id))


@pytest.mark.parametrize(
    "address", [PATHS.for_issue(300, 70_000), PATHS.for_mail(9), PATHS.unsubscribe(70_000, 300)]
)
def test_any_changed_byte_is_a_forgery(address: str) -> None:
    local, _, domain = address.partition("@")
    start = local.index("+") + 1
    changed = [
        f"{local[:place]}{letter}{local[place + 1 :]}@{domain}"
        for place in range(start, len(local))
        for letter in string.ascii_lowercase + string.digits + "+-_."
        if letter != local[place]
    ]

    for forged in changed:
        with pytest.raises(TokenForged):
            PATHS.read(forged, now=NOW)


@pytest.mark.parametrize(
    "address",
    ["", "@", "b@x.example", "b+@x.example", "c+aaaa@x.example", "b+Ж@x.example", "postmaster@x.example"],
)
def test_what_is_no_address_of_ours_is_refused(address: str) -> None:
    with pytest.raises(TokenForged):
        PATHS.read(address, now=NOW)


def test_one_kind_of_address_does_not_pass_for_another() -> None:
    token = PATHS.for_issue(1, 2).partition("+")[2]

    with pytest.raises(TokenForeign):
        PATHS.read(f"unsubscribe+{token}", now=NOW)


def test_another_key_writes_nothing_that_counts() -> None:
    forged = ReturnPaths(Signer([b"x" * 40]), "bounces.news.example").for_issue(1, 2)

    with pytest.raises(TokenForged):
        PATHS.read(forged, now=NOW)


def test_a_return_path_outlives_the_key_that_wrote_it() -> None:
    address = PATHS.for_issue(1, 2)

    rotated = ReturnPaths(Signer([b"n" * 40, b"k" * 40]), "bounces.news.example")

    assert rotated.read(address, now=NOW) == IssueBounce(1, 2)


def test_ids_that_mean_nothing_are_refused() -> None:
    token = SIGNER.sign_base32(Purpose.BOUNCE, 7, 7, 7)

    with pytest.raises(TokenForged):
        PATHS.read(f"b+{token}@bounces.news.example", now=NOW)
