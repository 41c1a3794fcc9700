"""Our base32 writes what the standard library writes."""

import base64

from hypothesis import given
from hypothesis import strategies as st

from newsletters.kernel import base32
from newsletters.kernel.tokens import Purpose, Signer


@given(raw=st.binary(max_size=60))
def test_it_is_the_standard_library_s_in_small_letters(raw: bytes) -> None:
    assert base32.encode(raw) == base64.b32encode(raw).decode().rstrip("=").lower()


@given(numbers=st.lists(st.integers(0, 2**40), max_size=3))
def test_one_token_is_written_in_both_ways(numbers: list[int]) -> None:
    signer = Signer([b"k" * 32])

    both = signer.sign_both(Purpose.UNSUBSCRIBE, *numbers)

    assert both == (
        signer.sign(Purpose.UNSUBSCRIBE, *numbers),
        signer.sign_base32(Purpose.UNSUBSCRIBE, *numbers),
    )
