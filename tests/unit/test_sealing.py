"""What the database keeps and cannot read."""

import pytest

from newsletters.kernel.sealing import SealBroken, Sealer

KEY, OTHER = b"k" * 40, b"o" * 40


def test_what_is_sealed_comes_back_whole_and_is_never_the_same_twice() -> None:
    sealer = Sealer([KEY])
    first, second = sealer.seal(b"secret", about="row 1"), sealer.seal(b"secret", about="row 1")

    assert first != second
    assert sealer.open(first, about="row 1") == sealer.open(second, about="row 1") == b"secret"


@pytest.mark.parametrize("broken", ["", "x", "é", "AQ", "A" * 60, "\0"])
def test_what_was_not_sealed_does_not_open(broken: str) -> None:
    with pytest.raises(SealBroken):
        Sealer([KEY]).open(broken, about="row 1")


def test_it_opens_for_its_own_row_and_key_alone() -> None:
    sealed = Sealer([KEY]).seal(b"secret", about="row 1")

    with pytest.raises(SealBroken):
        Sealer([KEY]).open(sealed, about="row 2")
    with pytest.raises(SealBroken):
        Sealer([OTHER]).open(sealed, about="row 1")


def test_one_changed_bit_breaks_the_seal() -> None:
    sealer = Sealer([KEY])
    sealed = sealer.seal(b"secret", about="row 1")

    for at in range(len(sealed) - 1):  # the last letter has bits that say nothing
        changed = sealed[:at] + ("A" if sealed[at] != "A" else "B") + sealed[at + 1 :]
        with pytest.raises(SealBroken):
            sealer.open(changed, about="row 1")


def test_an_older_secret_still_opens_and_is_known_to_be_old() -> None:
    sealed = Sealer([KEY]).seal(b"secret", about="row 1")
    rotated = Sealer([OTHER, KEY])

    assert rotated.open(sealed, about="row 1") == b"secret"
    assert rotated.is_outdated(sealed, about="row 1")
    assert not rotated.is_outdated(rotated.seal(b"secret", about="row 1"), about="row 1")
