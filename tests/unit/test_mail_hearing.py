"""Replies out of bytes: cut anywhere, endless, or no replies at all."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.hearing import LONGEST_LINE, LONGEST_REPLY, Hearing, Said

LINES = st.one_of(
    st.from_regex(rb"[2-5][0-9][0-9][ -][a-zA-Z0-9. ]{0,20}\r?\n", fullmatch=True),
    st.from_regex(rb"[2-5][0-9][0-9]\r?\n", fullmatch=True),
    st.binary(max_size=12).map(lambda raw: raw + b"\n"),
)


def heard(*pieces: bytes) -> list[Said]:
    hearing = Hearing()
    return [said for piece in pieces for said in hearing.hear(piece)]


@given(lines=st.lists(LINES, max_size=12), data=st.data())
def test_where_the_bytes_are_cut_changes_nothing(lines: list[bytes], data: st.DataObject) -> None:
    raw = b"".join(lines)
    cuts = data.draw(st.lists(st.integers(0, len(raw)), max_size=20).map(sorted))

    pieces = [raw[start:end] for start, end in pairwise([0, *cuts, len(raw)])]

    assert heard(*pieces) == heard(raw)


@pytest.mark.parametrize(
    ("raw", "said"),
    [
        (b"250 2.0.0 taken\r\n", [(250, b"2.0.0 taken")]),
        (b"250\r\n", [(250, b"")]),
        (b"250 bare\n", [(250, b"bare")]),
        (b"250-a\r\n250-b\r\n250 c\r\n", [(250, b"a\nb\nc")]),
        (b"250 one\r\n354 two\r\n", [(250, b"one"), (354, b"two")]),
        (b"250-a\r\nrubbish\r\n250 c\r\n", [(0, b"rubbish\r"), (250, b"c")]),
        (b"199 low\r\n", [(0, b"199 low\r")]),
        (b"600 high\r\n", [(0, b"600 high\r")]),
        (b"2500 long\r\n", [(0, b"2500 long\r")]),
        (b"\r\n", [(0, b"\r")]),
        (b"250 not ended", []),
    ],
)
def test_what_is_a_reply_and_what_is_not(raw: bytes, said: list[Said]) -> None:
    assert heard(raw) == said


def test_of_a_line_without_end_little_is_kept() -> None:
    hearing = Hearing()
    pieces = [hearing.hear(b"250 " + b"x" * 60_000), hearing.hear(b"x" * 60_000), hearing.hear(b"y\r\n")]

    assert [len(said) for said in pieces] == [0, 0, 1]
    assert len(pieces[2][0][1]) <= LONGEST_LINE


def test_a_reply_without_end_ends() -> None:
    hearing = Hearing()
    block = b"250-more\r\n" * 1000

    said = [hearing.hear(block) for _ in range(LONGEST_REPLY // len(block))]

    assert said[-1] == [(0, b"a reply without end")]
    assert hearing.hear(b"250 fresh\r\n") == [(250, b"fresh")]


def test_it_knows_when_a_reply_has_only_begun() -> None:
    hearing = Hearing()

    hearing.hear(b"250-a\r\n")
    begun = hearing.is_amid
    hearing.hear(b"250 b\r\n")

    assert begun
    assert not hearing.is_amid
