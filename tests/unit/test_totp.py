"""One-time codes against the tables of their standards."""

from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pytest

from newsletters.kernel import totp
from newsletters.web.admin import qr

SECRET = b"12345678901234567890"
MOMENT = datetime(2026, 3, 2, 9, 0, 10, tzinfo=UTC)


def test_codes_are_those_of_rfc_4226() -> None:
    codes = [totp.code(SECRET, counter) for counter in range(10)]

    assert codes == [
        "755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "code"),
    [
        (59, "94287082"),
        (1111111109, "07081804"),
        (1111111111, "14050471"),
        (1234567890, "89005924"),
        (2000000000, "69279037"),
        (20000000000, "65353130"),
    ],
)
def test_codes_are_those_of_rfc_6238(seconds: int, code: str) -> None:
    step = totp.step_at(datetime.fromtimestamp(seconds, UTC))

    assert totp.code(SECRET, step, digits=8) == code


@pytest.mark.parametrize(("halves", "is_taken"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)])
def test_a_clock_may_be_half_a_minute_out_and_no_more(halves: int, is_taken: bool) -> None:
    shown = totp.code(SECRET, totp.step_at(MOMENT + halves * timedelta(seconds=30)))

    step = totp.matching_step(SECRET, shown, now=MOMENT)

    assert (step == totp.step_at(MOMENT) + halves) is is_taken


@pytest.mark.parametrize("typed", ["", "12345", "1234567", "abcdef", "１２３４５６", "\0"])
def test_what_is_no_code_matches_no_step(typed: str) -> None:
    assert totp.matching_step(SECRET, typed, now=MOMENT) is None


def test_two_secrets_are_never_the_same_and_hold_160_bits() -> None:
    assert len(totp.new_secret()) == 20
    assert totp.new_secret() != totp.new_secret()


def test_an_app_reads_everything_it_needs_from_the_address() -> None:
    address = totp.uri(SECRET, issuer="News & Views: Kyiv", account="ada+desk@newsroom.example")

    parts, facts = urlsplit(address), parse_qs(urlsplit(address).query)
    assert (parts.scheme, parts.netloc) == ("otpauth", "totp")
    assert parts.path == "/News%20%26%20Views%3A%20Kyiv:ada%2Bdesk%40newsroom.example"
    assert facts["secret"] == ["GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"]
    assert facts["issuer"] == ["News & Views: Kyiv"]
    assert (facts["algorithm"], facts["digits"], facts["period"]) == (["SHA1"], ["6"], ["30"])


def test_the_picture_is_svg_without_style_script_or_the_secret_in_it() -> None:
    picture = qr.drawn(totp.uri(SECRET, issuer="News", account="ada@newsroom.example"))

    assert picture.startswith("<svg ")
    assert not any(word in picture for word in ("style", "script", "href", "GEZDG"))
