"""Tokens: whatever is done to one, it is refused, or says exactly what it said when it was made."""

import base64
import string
from datetime import datetime, timedelta
from typing import cast

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from newsletters.kernel.tokens import CLOCK_SKEW, Purpose, Signer, TokenExpired, TokenForeign, TokenForged
from tests.conftest import NOW

OLD, NEW, OTHER = b"old" * 8, b"new" * 8, b"other" * 8
ALPHABET = string.ascii_letters + string.digits + "-_"
signer = Signer([NEW])

purposes = st.sampled_from(Purpose)
ids = st.lists(st.integers(0, 2**63 - 1), max_size=4).map(tuple)
expiries = st.none() | st.integers(1, 10**6).map(lambda seconds: NOW + timedelta(seconds=seconds))


def made(purpose: Purpose, numbers: tuple[int, ...], expires_at: datetime | None) -> str:
    return signer.sign(purpose, *numbers, expires_at=expires_at)


@given(purposes, ids, expiries)
def test_a_token_says_what_it_was_made_with(
    purpose: Purpose, numbers: tuple[int, ...], expires_at: datetime | None
) -> None:
    claims = signer.read(made(purpose, numbers, expires_at), purpose, now=NOW)

    assert (claims.purpose, claims.ids, claims.expires_at) == (purpose, numbers, expires_at)


@given(purposes, ids)
def test_a_token_survives_a_mail_system_that_folds_case(purpose: Purpose, numbers: tuple[int, ...]) -> None:
    token = signer.sign_base32(purpose, *numbers)

    assert signer.read_base32(token.upper(), purpose, now=NOW).ids == numbers


@given(purposes, purposes, ids)
def test_a_token_for_one_purpose_never_passes_for_another(
    purpose: Purpose, other: Purpose, numbers: tuple[int, ...]
) -> None:
    assume(purpose is not other)
    token = made(purpose, numbers, None)

    with pytest.raises(TokenForeign) as caught:
        signer.read(token, other, now=NOW)
    assert caught.value.purpose is purpose


def test_a_token_for_a_purpose_that_this_version_does_not_know_leads_nowhere() -> None:
    retired = cast(Purpose, 5)
    token = signer.sign(retired, 1)

    with pytest.raises(TokenForged):
        signer.read(token, Purpose.CONFIRM, now=NOW)


@given(purposes, ids, expiries, st.data())
def test_a_changed_bit_anywhere_makes_it_a_forgery(
    purpose: Purpose, numbers: tuple[int, ...], expires_at: datetime | None, data: st.DataObject
) -> None:
    raw = bytearray(base64.urlsafe_b64decode(made(purpose, numbers, expires_at) + "=="))
    place = data.draw(st.integers(0, len(raw) * 8 - 1))
    raw[place // 8] ^= 1 << place % 8

    with pytest.raises(TokenForged):
        signer.read(base64.urlsafe_b64encode(raw).decode().rstrip("="), purpose, now=NOW)


@given(purposes, ids, st.data())
def test_another_last_character_is_refused_or_says_the_same(
    purpose: Purpose, numbers: tuple[int, ...], data: st.DataObject
) -> None:
    token = made(purpose, numbers, None)
    variant = token[:-1] + data.draw(st.sampled_from(ALPHABET))

    try:
        claims = signer.read(variant, purpose, now=NOW)
    except TokenForged:
        return
    assert claims.ids == numbers


@given(purposes, ids, st.data())
def test_a_cut_or_lengthened_token_is_a_forgery(
    purpose: Purpose, numbers: tuple[int, ...], data: st.DataObject
) -> None:
    token = made(purpose, numbers, None)
    cut = token[: data.draw(st.integers(0, len(token) - 4))]
    longer = token + data.draw(st.text(ALPHABET, min_size=4, max_size=8))

    for wrong in (cut, longer):
        with pytest.raises(TokenForged):
            signer.read(wrong, purpose, now=NOW)


@given(st.text(max_size=80) | st.text(ALPHABET, max_size=600))
def test_no_text_of_a_stranger_is_a_token(text: str) -> None:
    with pytest.raises(TokenForged):
        signer.read(text, Purpose.CONFIRM, now=NOW)


@given(purposes, ids)
def test_links_outlive_a_rotation_and_no_stranger_s_key_is_taken(
    purpose: Purpose, numbers: tuple[int, ...]
) -> None:
    token = Signer([OLD]).sign(purpose, *numbers)

    assert Signer([NEW, OLD]).read(token, purpose, now=NOW).ids == numbers
    with pytest.raises(TokenForged):
        Signer([NEW, OTHER]).read(token, purpose, now=NOW)


@given(ids, st.integers(-300, 300))
def test_clocks_five_minutes_apart_agree_on_a_fresh_link(numbers: tuple[int, ...], skew: int) -> None:
    token = made(Purpose.CONFIRM, numbers, NOW + timedelta(days=7))

    claims = signer.read(token, Purpose.CONFIRM, now=NOW + timedelta(seconds=skew))

    assert claims.ids == numbers


@pytest.mark.parametrize("skew", [-CLOCK_SKEW, timedelta(0), CLOCK_SKEW])
def test_a_link_at_its_very_end_is_good_on_every_machine(skew: timedelta) -> None:
    ends = NOW + timedelta(days=7)
    token = made(Purpose.CONFIRM, (1,), ends)

    assert signer.read(token, Purpose.CONFIRM, now=ends + skew).ids == (1,)


@given(ids, st.integers(1, 10**8))
def test_an_expired_token_says_what_it_named(numbers: tuple[int, ...], late: int) -> None:
    token = made(Purpose.CONFIRM, numbers, NOW)

    with pytest.raises(TokenExpired) as caught:
        signer.read(token, Purpose.CONFIRM, now=NOW + CLOCK_SKEW + timedelta(seconds=late))
    assert caught.value.ids == numbers


def test_a_token_without_an_end_is_good_for_ever() -> None:
    token = made(Purpose.UNSUBSCRIBE, (1, 2), None)

    assert signer.read(token, Purpose.UNSUBSCRIBE, now=NOW + timedelta(days=36_500)).ids == (1, 2)


def test_a_short_key_signs_nothing() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        Signer([b"short"])
