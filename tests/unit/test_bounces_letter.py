"""Mail that is built to be expensive, broken or to mislead: it is read in bounds, or it is unreadable."""

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletters.bounces import parse_arf
from newsletters.bounces.event import EventKind
from newsletters.bounces.letter import (
    LARGEST_BYTES,
    LONGEST_LINE,
    MOST_LINES,
    Letter,
    Unreadable,
    bounded,
)
from newsletters.bounces.returns import is_complaint
from newsletters.inbound import forwarding
from tests.corpus.returned import CORPUS
from tests.returning import read_returned

FROM = b"From: MAILER-DAEMON@mx.readers.example\r\nSubject: failure notice\r\n"
NESTED = b"".join(
    b'Content-Type: multipart/mixed; boundary="%d"\r\n\r\n--%d\r\n' % (n, n) for n in range(900)
)
EXPENSIVE = {
    "parts within parts": NESTED,
    "mails within mails": b"Content-Type: message/rfc822\r\n\r\n" * 20_000,
    "a million header fields": b"".join(b"X%d: y\r\n" % n for n in range(200_000)),
    "one header field a million times": b"Subject: y\r\n" * 300_000,
    "a header that never ends": b"Subject: x\r\n" + b" y\r\n" * 500_000,
    "a line that never ends": FROM + b"\r\n" + b"a@" * 5_000_000,
    "parameters without end": b"Content-Type: multipart/report;\r\n"
    + b' a="\\"\\";;;\r\n' * 50_000
    + b"\r\n",
    "addresses without end": b"X-Failed-Recipients: a@b.example,\r\n" + b" a@b.example,\r\n" * 50_000,
    "comments without end": b"From: " + b"(" * 100_000 + b"\r\n\r\n",
    "nothing but dashes": FROM + b"\r\n" + (b"-" * 240 + b"\r\n") * 5_000,
    "almost a bounce, over and over": FROM + b"\r\nYour message\r\n" + (b" " * 900 + b"a@b\r\n") * 3_000,
    "a bomb in base64": FROM
    + b"Content-Transfer-Encoding: base64\r\n\r\n"
    + base64.encodebytes(b"\0" * 5_000_000),
    "tags that never close": FROM + b"Content-Type: text/html\r\n\r\n" + b"<br " * 500_000,
    "a hundred thousand recipients": FROM
    + b"Content-Type: message/delivery-status\r\n\r\n"
    + b"Final-Recipient: rfc822; a@b.example\r\nAction: failed\r\nStatus: 5.1.1\r\n\r\n" * 100_000,
    "nothing but NUL": b"\0" * 1_000_000,
    "nothing but line ends": b"\r\n" * 1_000_000,
    "an alphabet nobody knows": FROM + b"Content-Type: text/plain; charset=\xff\0idna\r\n\r\nx\xff",
}


@pytest.mark.parametrize("name", EXPENSIVE)
def test_expensive_mail_is_read_or_refused(name: str) -> None:
    verdict = read_returned(EXPENSIVE[name])

    assert verdict.kind is None or isinstance(verdict.kind, EventKind)
    assert len(verdict.reply) <= 500


@given(st.binary(max_size=2_000), st.integers(1, 400))
@settings(max_examples=60)
def test_what_is_read_is_bounded(piece: bytes, times: int) -> None:
    read = bounded(piece * times)

    lines = read.split(b"\r\n")
    assert len(read) <= 2 * LARGEST_BYTES
    assert len(lines) <= MOST_LINES
    assert max(map(len, lines)) <= LONGEST_LINE
    assert b"\r" not in read.replace(b"\r\n", b"")
    assert b"\n" not in read.replace(b"\r\n", b"")


SEEDS = st.sampled_from([specimen.raw for specimen in CORPUS])
TRIPPING = (
    b"\r\n",
    b"\r\n\r\n",
    b"\n",
    b"=?utf-8?b?",
    b"boundary=",
    b"Content-Type: ",
    b"*0*=",
    b'"',
    b"<",
    b"(",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Action: failed\r\n",
    b"\0",
    b"\xff",
)
PIECES = st.one_of(st.binary(max_size=12), st.sampled_from(TRIPPING))


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A returned mail of the corpus, cut, repeated, mixed with another and sprinkled with what parsers
    trip over.
    """
    raw = draw(SEEDS)
    for _ in range(draw(st.integers(1, 5))):
        where, until = sorted((draw(st.integers(0, len(raw))), draw(st.integers(0, len(raw)))))
        how = draw(st.sampled_from(["cut", "end", "insert", "repeat", "mix"]))
        if how == "cut":
            raw = raw[:where] + raw[until:]
        elif how == "end":
            raw = raw[:until]
        elif how == "insert":
            raw = raw[:where] + draw(PIECES) + raw[where:]
        elif how == "repeat":
            raw = raw[:until] + raw[where:until] * draw(st.integers(1, 4)) + raw[until:]
        else:
            raw = raw[:where] + draw(SEEDS)[: until - where] + raw[until:]
    return raw


@given(damaged())
@settings(max_examples=400)
def test_damaged_mail_is_read_or_left_to_an_editor(raw: bytes) -> None:
    verdict = read_returned(raw)

    assert verdict.kind is None or isinstance(verdict.kind, EventKind)
    assert "\n" not in verdict.reply
    assert "\0" not in verdict.reply
    verdict.reply.encode()  # no lone surrogate: a database takes it


@given(damaged())
@settings(max_examples=200)
def test_damaged_mail_breaks_nothing_else_that_reads_it(raw: bytes) -> None:
    try:
        letter = Letter(raw)
    except Unreadable:
        return

    is_complaint(letter)
    named = parse_arf.message_ids(letter)
    params = forwarding.params(letter, raw, newsletter="x")
    decided = forwarding.fate(letter, sender="a@b.example", own=frozenset())

    assert len(named) <= parse_arf.MOST_TRACES
    assert decided in forwarding.Fate
    assert "\n" not in str(params["subject"])
