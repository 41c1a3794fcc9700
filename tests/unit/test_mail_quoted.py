"""Quoted-printable in pieces: what it means, and that nobody on the way needs to touch it."""

import quopri

from hypothesis import example, given
from hypothesis import strategies as st

from newsletters.mail import quoted

PIECES = st.one_of(
    st.text(st.characters(codec="utf-8")),
    st.text(st.sampled_from(" .F=ÄїЇ\ta"), max_size=200),
    st.text(st.characters(min_codepoint=0x400, max_codepoint=0x45F), min_size=8, max_size=60),
)


@given(text=PIECES)
@example(text="x" * 74 + "ї")
@example(text="ї" * 12 + "x" * 4)
@example(text="ї" * 12 + "xx.From x")
@example(text="From ї")
@example(text=".ї")
@example(text="ї ")
@example(text="Олена  Ївга")
def test_a_piece_means_what_was_written_and_leaves_room_for_a_soft_break(text: str) -> None:
    written = quoted.encode(text)

    said = "\n".join(line for line in text.replace("\r\n", "\n").replace("\r", "\n").split("\n"))
    lines = written.split(b"\r\n")
    assert quopri.decodestring(written.replace(b"\r\n", b"\n")).decode() == said
    assert written.isascii()
    assert all(len(line) < quoted.LINE or line.endswith(b"=") for line in lines)
    assert all(len(line) <= quoted.LINE for line in lines)
    assert not any(line.startswith((b".", b"From ")) for line in lines)
    assert not any(line.endswith((b" ", b"\t")) or b"  " in line or b"\t" in line for line in lines)
