"""One connection's conversation against a small server in the same thread, its answers cut anywhere."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import cycle

from hypothesis import given
from hypothesis import strategies as st

from newsletters.mail.dialogue import Dialogue, Timeouts
from newsletters.mail.letters import Event, Settled, Waiting
from newsletters.mail.line import Line
from newsletters.mail.replies import InDoubt, Phase, Reply, SmtpError
from tests.posting import letter

FATES = ("taken", "MAIL 550", "RCPT 550", "RCPT 451", "DATA 554", "DOT 552", "DOT 452")
CUTS = st.lists(st.integers(1, 30), min_size=1, max_size=20)


@dataclass
class Server:
    """Answers what it has read, letter by letter as ``fates`` say; a group of commands in one go."""

    sock: socket.socket
    fates: Iterator[str]
    heard: bytes = b""
    fate: str = ""
    lacks: str = "MAIL"
    messages: list[bytes] = field(default_factory=list)

    def answers(self) -> bytes:
        """All that is to be said now."""
        try:
            while raw := self.sock.recv(65_536):
                self.heard += raw
        except BlockingIOError:
            pass
        said = b""
        while (end := b"\r\n.\r\n" if self.lacks == "DOT" else b"\r\n") in self.heard:
            line, _, self.heard = self.heard.partition(end)
            said += self._answer(line)
        return said

    def _answer(self, line: bytes) -> bytes:
        if self.lacks == "DOT":
            self.messages.append(line + b"\r\n")
            self.lacks = "MAIL"
            return self._verdict("DOT", b"250-2.0.0 taken\r\n250 2.0.0 as 4711\r\n")
        verb = line[:4].decode()
        if verb == "RSET":
            self.lacks = "MAIL"
            return b"250 2.0.0 ok\r\n"
        if verb == "MAIL":
            self.fate = next(self.fates)
        if verb not in ("MAIL", self.lacks):
            return b"503 5.5.1 first things first\r\n"
        said = self._verdict(verb, b"354 go on\r\n" if verb == "DATA" else b"250 2.1.0 ok\r\n")
        if said[:1] in b"23":
            self.lacks = {"MAIL": "RCPT", "RCPT": "DATA", "DATA": "DOT"}[verb]
        return said

    def _verdict(self, moment: str, good: bytes) -> bytes:
        verb, _, code = self.fate.partition(" ")
        return f"{code}-{code[0]}.0.0 no\r\n{code} {code[0]}.0.0 no\r\n".encode() if verb == moment else good


class Notes:
    """A keeper that writes everything down."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def changed(self, line: Line) -> None:
        """Nothing to arrange."""

    def tell(self, event: Event) -> None:
        self.events.append(event)


@contextmanager
def talking(fates: list[str], *, is_pipelined: bool) -> Iterator[tuple[Line, Server, Notes]]:
    near, far = socket.socketpair()
    far.setblocking(False)
    dialogue, notes = Dialogue(helo="localhost", timeouts=Timeouts()), Notes()
    dialogue.sock = near
    dialogue.esmtp_features = {"pipelining": ""} if is_pipelined else {}
    line = Line(dialogue, keeper=notes)
    with far:
        yield line, Server(far, iter(fates)), notes
        line.close()


def outcomes(fates: list[str], cuts: list[int], *, is_pipelined: bool) -> tuple[list[str], list[bytes]]:
    """Carry one letter for each fate, the answers cut into pieces of those lengths."""
    lengths = cycle(cuts)
    with talking(fates, is_pipelined=is_pipelined) as (line, server, notes):
        letters = [letter(number) for number in range(len(fates))]
        while letters or line.current is not None:
            while letters and line.following is None:
                line.take(letters.pop(0))
            said = server.answers()
            while said:
                length = next(lengths)
                server.sock.send(said[:length])
                said = said[length:]
                line.on_ready()
            for event in tuple(notes.events):
                if isinstance(event, Waiting):
                    line.release(event.key)
        settled = [event for event in notes.events if isinstance(event, Settled)]
    assert [event.key for event in settled] == list(range(len(fates)))
    return [_told(event.outcome) for event in settled], server.messages


def _told(outcome: Reply | SmtpError) -> str:
    if isinstance(outcome, Reply):
        return "taken"
    return f"{outcome.phase.name} {outcome.reply.code}"


@given(fates=st.lists(st.sampled_from(FATES), min_size=1, max_size=6), cuts=CUTS, is_pipelined=st.booleans())
def test_each_letter_meets_its_own_fate_wherever_the_answers_are_cut(
    fates: list[str], cuts: list[int], is_pipelined: bool
) -> None:
    told, messages = outcomes(fates, cuts, is_pipelined=is_pipelined)

    assert told == fates
    reached = [number for number, fate in enumerate(fates) if fate == "taken" or fate.startswith("DOT")]
    assert messages == [letter(number).message for number in reached]


@given(said=st.lists(st.binary(min_size=1, max_size=40), max_size=8))
def test_whatever_a_server_says_every_letter_comes_to_one_end_at_most(said: list[bytes]) -> None:
    with talking([], is_pipelined=True) as (line, server, notes):
        line.take(letter(1))
        line.take(letter(2))
        for raw in said:
            if line.is_over:
                break
            server.sock.send(raw)
            line.on_ready()
            for event in tuple(notes.events):
                if isinstance(event, Waiting) and not line.is_over:
                    line.release(event.key)
        line.close()

    settled = [event for event in notes.events if isinstance(event, Settled)]
    ends = [event.key for event in settled] + [orphan.key for orphan in line.orphans]
    assert sorted(map(str, ends)) == ["1", "2"]
    doubts = [event.outcome.phase for event in settled if isinstance(event.outcome, InDoubt)]
    assert set(doubts) <= {Phase.DOT}
