"""Addresses: one mailbox is one key however it is written, and what is mailed is what was validated."""

import string
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from newsletters.kernel.addresses import LONGEST_ADDRESS, Address, InvalidAddress, mask, parse_address

ATOM = string.ascii_letters + string.digits + "!#$%&'*+-/=?^_`{|}~"
LABEL = string.ascii_lowercase + string.digits

atoms = st.text(ATOM, min_size=1, max_size=12)
locals_ = st.lists(atoms, min_size=1, max_size=4).map(".".join).filter(lambda local: len(local) <= 64)
labels = st.text(LABEL, min_size=1, max_size=12)
domains = st.builds(
    lambda parts, last: ".".join((*parts, last)), st.lists(labels, min_size=1, max_size=3), st.just("org")
)
addresses = st.builds("{}@{}".format, locals_, domains)
letters = st.text("абвгґдеєжзиіїйклмнопрстуфхцчшщьюяéüßñç", min_size=1, max_size=12)
foreign = st.builds("{}@{}".format, letters, st.just("пошта.укр"))


@given(addresses)
def test_a_valid_address_is_stored_with_the_case_of_its_local_part(typed: str) -> None:
    address = parse_address(typed)

    local, _, domain = typed.rpartition("@")
    assert address.email == f"{local}@{domain.lower()}"


@given(addresses)
def test_case_makes_no_other_mailbox(typed: str) -> None:
    assert parse_address(typed.upper()).key == parse_address(typed.lower()).key == parse_address(typed).key


@given(addresses | foreign)
def test_the_stored_form_parses_to_itself(typed: str) -> None:
    first = parse_address(typed)

    again = parse_address(first.email)

    assert again == first


@given(addresses | foreign)
def test_the_wire_form_parses_to_the_same_mailbox(typed: str) -> None:
    first = parse_address(typed)

    assert parse_address(first.wire).key == first.key


@given(foreign)
@example("й@пошта.укр")
def test_composed_and_decomposed_letters_are_one_mailbox(typed: str) -> None:
    decomposed = unicodedata.normalize("NFD", typed)

    assert parse_address(decomposed) == parse_address(typed)


@given(locals_)
def test_a_domain_in_letters_and_in_punycode_is_one_mailbox(local: str) -> None:
    assert parse_address(f"{local}@пошта.укр").key == parse_address(f"{local}@xn--80a1acn3a.xn--j1amh").key


@given(foreign)
def test_only_the_local_part_ever_needs_smtputf8(typed: str) -> None:
    address = parse_address(typed)

    assert address.wire.rpartition("@")[2].isascii()


@given(st.text(max_size=60))
@example("a@b.c>\r\nRCPT TO:<z@z.z")
@example("reader@readers.example\r\nBcc: all@readers.example")
@example("a\x00b@readers.org")
def test_whatever_is_typed_is_refused_or_fits_on_one_line_of_an_envelope(typed: str) -> None:
    try:
        address = parse_address(typed)
    except InvalidAddress:
        return

    assert not set(address.wire) & set("\r\n\0<> \t")
    assert address.wire.count("@") == 1
    assert len(address.wire.encode()) <= LONGEST_ADDRESS


@pytest.mark.parametrize(
    "typed",
    ["", "@", "reader", "reader@", "@readers.org", "a b@readers.org", "a@b", "a@-b.org", "a..b@readers.org"],
)
def test_what_is_no_address_is_refused(typed: str) -> None:
    with pytest.raises(InvalidAddress):
        parse_address(typed)


def test_a_megabyte_is_refused_before_anybody_reads_it() -> None:
    with pytest.raises(InvalidAddress, match="too long"):
        parse_address("a" * 1_000_000 + "@readers.org")


@pytest.mark.parametrize(
    "typed", ["a+tag@readers.org", "=cmd|/c@example.com", "a{{7*7}}@example.com", "o'hara@readers.org"]
)
def test_strange_but_valid_addresses_are_taken_as_they_are(typed: str) -> None:
    assert parse_address(typed).email == typed


def test_spaces_around_an_address_are_a_slip_of_the_finger() -> None:
    assert parse_address("  reader@readers.org ") == Address(
        "reader@readers.org", "reader@readers.org", "reader@readers.org"
    )


@given(addresses)
def test_a_mask_shows_no_more_than_one_letter_of_the_person(typed: str) -> None:
    shown = mask(typed)

    assert shown == f"{typed[0]}•••@{typed.rpartition('@')[2]}"
