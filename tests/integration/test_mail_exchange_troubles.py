"""What every reply, silence and hang-up in every phase comes to, with and without PIPELINING and TLS."""

import pytest

from newsletters.mail.replies import Deferred, InDoubt, Phase, Refused, Reply, ServerUnavailable, SmtpError
from tests.posting import letter
from tests.scripted import DEAF, HANG_UP, SILENCE, Answer, dripping
from tests.talking import OK, Talk, accepted, good

TROUBLES = [
    ("MAIL", ServerUnavailable, Phase.MAIL),
    ("RCPT", ServerUnavailable, Phase.RCPT),
    ("DATA", ServerUnavailable, Phase.DATA),
    ("DOT", InDoubt, Phase.DOT),
]


@pytest.mark.parametrize(("moment", "error", "phase"), TROUBLES)
@pytest.mark.parametrize(
    "trouble", [SILENCE, HANG_UP, b"25" + HANG_UP], ids=["silence", "hang-up", "half a word"]
)
def test_trouble_with_the_first_letter_has_its_kind_and_phase(
    talk: Talk, moment: str, error: type[SmtpError], phase: Phase, trouble: bytes
) -> None:
    script: dict[str, Answer] = {moment: [trouble, good(moment)]}
    with talk(script) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    failed = outcomes[1]
    assert isinstance(failed, error)
    assert type(failed) is error
    assert failed.phase is phase
    assert isinstance(outcomes[2], Reply)
    assert letter(2).message in server.messages


@pytest.mark.parametrize(("moment", "error", "phase"), TROUBLES)
@pytest.mark.parametrize("trouble", [SILENCE, HANG_UP], ids=["silence", "hang-up"])
def test_trouble_with_a_later_letter_has_its_kind_and_phase(
    talk: Talk, moment: str, error: type[SmtpError], phase: Phase, trouble: bytes
) -> None:
    script: dict[str, Answer] = {moment: [good(moment), trouble, good(moment)]}
    with talk(script) as (server, posting):
        outcomes = posting.send([letter(1), letter(2), letter(3)])

    failed = outcomes[2]
    if moment == "MAIL":  # nothing was said to it: it goes over the next connection
        assert isinstance(failed, Reply)
    else:
        assert isinstance(failed, error)
        assert failed.phase is phase
    assert isinstance(outcomes[1], Reply)
    assert isinstance(outcomes[3], Reply)
    assert server.messages.count(letter(3).message) == 1


def test_a_letter_that_kills_every_connection_is_given_up(talk: Talk) -> None:
    with talk({"MAIL": [OK, HANG_UP, HANG_UP, OK]}) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    failed = outcomes[2]
    assert isinstance(failed, ServerUnavailable)
    assert failed.phase is Phase.MAIL
    assert failed.in_transaction
    assert server.connections == 2


@pytest.mark.parametrize(
    ("moment", "answer", "error", "phase"),
    [
        ("MAIL", b"550 5.7.1 no\r\n", Refused, Phase.MAIL),
        ("MAIL", b"451 4.3.0 later\r\n", Deferred, Phase.MAIL),
        ("RCPT", b"550 5.1.1 nobody\r\n", Refused, Phase.RCPT),
        ("RCPT", b"451 4.7.1 grey\r\n", Deferred, Phase.RCPT),
        ("RCPT", b"421 4.3.2 closing\r\n", ServerUnavailable, Phase.RCPT),
        ("RCPT", b"rubbish\r\n", Deferred, Phase.RCPT),
        ("RCPT", b"354 go\r\n", Deferred, Phase.RCPT),
        ("DATA", b"554 5.5.1 no\r\n", Refused, Phase.DATA),
        ("DATA", b"250 what?\r\n", Deferred, Phase.DATA),
        ("DATA", b"421 4.3.2 closing\r\n", ServerUnavailable, Phase.DATA),
        ("DOT", b"552 5.2.2 full\r\n", Refused, Phase.DOT),
        ("DOT", b"452 4.2.2 full\r\n", Deferred, Phase.DOT),
        ("DOT", b"421 4.3.2 closing\r\n", ServerUnavailable, Phase.DOT),
        ("DOT", b"rubbish\r\n", InDoubt, Phase.DOT),
        ("DOT", b"354 what?\r\n", InDoubt, Phase.DOT),
    ],
)
@pytest.mark.parametrize("place", [1, 2])
def test_every_reply_has_its_meaning_and_the_next_letter_goes(
    talk: Talk, moment: str, answer: bytes, error: type[SmtpError], phase: Phase, place: int
) -> None:
    script: dict[str, Answer] = {moment: [good(moment)] * (place - 1) + [answer, good(moment)]}
    with talk(script) as (server, posting):
        server.is_decent = True
        outcomes = posting.send([letter(1), letter(2), letter(3)])

    failed = outcomes[place]
    assert isinstance(failed, SmtpError)
    assert type(failed) is error
    assert failed.phase is phase
    assert accepted(outcomes) == [key for key in (1, 2, 3) if key != place]
    assert server.messages.count(letter(3).message) == 1
    is_clean = error in (Refused, Deferred) and answer[:1] in b"45"
    assert server.connections == (1 if is_clean else 2)
    assert ("RSET" in server.commands) is (is_clean and moment != "DOT")


def test_a_message_to_nobody_is_never_finished(talk: Talk) -> None:
    with talk({"RCPT": [b"550 5.1.1 nobody\r\n", OK]}) as (server, posting):
        outcomes = posting.send([letter(1), letter(2)])

    assert isinstance(outcomes[1], Refused)
    assert isinstance(outcomes[2], Reply)
    assert server.messages == [letter(2).message]


@pytest.mark.parametrize("answer", [b"552 5.3.4 too much\r\n", b"421 4.3.2 closing\r\n", OK, b"rubbish\r\n"])
def test_an_answer_before_the_end_of_a_message_stops_it(talk: Talk, answer: bytes) -> None:
    large = b"From: a@newsroom.example\r\n\r\n" + (b"x" * 70 + b"\r\n") * 150_000
    error = {b"5": Refused, b"4": ServerUnavailable}.get(answer[:1], Deferred)
    with talk({"BODY": answer}) as (server, posting):
        outcomes = posting.send([letter(1, large)])

    failed = outcomes[1]
    assert isinstance(failed, SmtpError)
    assert type(failed) is error
    assert failed.phase is Phase.BODY
    assert server.messages == []


@pytest.mark.parametrize("trouble", [DEAF, HANG_UP], ids=["deaf", "hang-up"])
def test_a_message_whose_end_never_left_was_not_delivered(talk: Talk, trouble: bytes) -> None:
    large = b"From: a@newsroom.example\r\n\r\n" + (b"x" * 70 + b"\r\n") * 150_000
    with talk({"BODY": trouble}) as (_server, posting):
        outcomes = posting.send([letter(1, large)])

    failed = outcomes[1]
    assert type(failed) is ServerUnavailable
    assert failed.phase is Phase.BODY


def test_a_reply_that_drips_is_not_waited_for_for_ever(talk: Talk) -> None:
    with talk({"RCPT": [dripping(b"250-more\r\n"), OK]}) as (_server, posting):
        outcomes = posting.send([letter(1)])

    failed = outcomes[1]
    assert type(failed) is ServerUnavailable
    assert failed.phase is Phase.RCPT
