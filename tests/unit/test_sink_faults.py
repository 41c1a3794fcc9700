import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.sink import replies
from newsletters.sink.faultbook import BadRules, FaultBook, parse_rules
from newsletters.sink.faults import Action, Fault, Stage, UnknownFault, fault_in_address, parse_fault


class Time:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def book_of(*rules: dict[str, object], time: Time | None = None, chance: float = 0.0) -> FaultBook:
    book = FaultBook(monotonic=time or Time(), chance=lambda: chance)
    book.replace(parse_rules(json.dumps(rules)))
    return book


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("550", Fault(Stage.RCPT, Action.REPLY, code=550)),
        ("550-5.1.1", Fault(Stage.RCPT, Action.REPLY, code=550, enhanced="5.1.1")),
        ("dot-454-4.7.0", Fault(Stage.DOT, Action.REPLY, code=454, enhanced="4.7.0")),
        ("kept-451", Fault(Stage.KEPT, Action.REPLY, code=451)),
        ("greet-421", Fault(Stage.GREET, Action.REPLY, code=421)),
        ("slow-5", Fault(Stage.KEPT, Action.SLOW, seconds=5)),
        ("rcpt-slow-0.25", Fault(Stage.RCPT, Action.SLOW, seconds=0.25)),
        ("greylist", Fault(Stage.RCPT, Action.GREYLIST)),
        ("greylist-300", Fault(Stage.RCPT, Action.GREYLIST, seconds=300)),
        ("drop-at-greeting", Fault(Stage.GREET, Action.DROP)),
        ("drop-at-rcpt", Fault(Stage.RCPT, Action.DROP)),
        ("drop-before-data", Fault(Stage.DATA, Action.DROP)),
        ("drop-in-data", Fault(Stage.BODY, Action.DROP)),
        ("drop-at-dot", Fault(Stage.DOT, Action.DROP)),
        ("drop-after-dot", Fault(Stage.KEPT, Action.DROP)),
        ("dot-garbage", Fault(Stage.DOT, Action.GARBAGE)),
        ("long", Fault(Stage.RCPT, Action.LONG)),
        ("size-2000", Fault(Stage.SERVER, Action.SIZE, size_bytes=2000)),
        ("no-smtputf8", Fault(Stage.SERVER, Action.WITHOUT, extension="SMTPUTF8")),
        ("refuse", Fault(Stage.SERVER, Action.REFUSE)),
    ],
)
def test_a_name_says_what_goes_wrong_and_when(name: str, fault: Fault) -> None:
    assert parse_fault(name) == fault


@pytest.mark.parametrize(
    "name",
    ["", "250", "650", "550-4.1.1", "550-", "slow", "slow-x", "slow-99999", "drop", "size-0", "body-550"],
)
def test_an_unknown_name_is_refused(name: str) -> None:
    with pytest.raises(UnknownFault):
        parse_fault(name)


@given(st.text(max_size=30))
def test_no_name_does_anything_but_be_known_or_refused(name: str) -> None:
    try:
        fault = parse_fault(name)
    except UnknownFault:
        return

    assert isinstance(fault, Fault)


@pytest.mark.parametrize(
    ("address", "code"),
    [
        ("olena+fault-550@reader.example", 550),
        ("Olena+FAULT-451-4.2.2@reader.example", 451),
        ("fault-452@reader.example", 452),
        ("olena.fault-554-5.7.1@reader.example", 554),
    ],
)
def test_an_address_can_ask_for_a_fault(address: str, code: int) -> None:
    fault = fault_in_address(address)

    assert fault is not None
    assert fault.code == code


@pytest.mark.parametrize(
    "address",
    [
        "olena@reader.example",
        "olena+fault@reader.example",
        "default-550@reader.example",
        "olena+fault-nonsense@reader.example",
        "olena@fault-550.example",
        "olena+fault-refuse@reader.example",
        "olena+fault-greet-421@reader.example",
    ],
)
def test_an_address_asks_only_for_faults_of_its_own(address: str) -> None:
    assert fault_in_address(address) is None


def test_a_rule_strikes_the_addresses_that_match() -> None:
    book = book_of({"match": "*@Slow.example", "fault": "451"})

    assert [fault.code for fault in book.strikes(Stage.RCPT, ["a@SLOW.example"])] == [451]
    assert book.strikes(Stage.RCPT, ["a@fast.example"]) == []
    assert book.strikes(Stage.DOT, ["a@slow.example"]) == []


def test_a_rule_with_times_ends_by_itself() -> None:
    book = book_of({"fault": "451", "times": 2})

    struck = [bool(book.strikes(Stage.RCPT, ["a@b.example"])) for _ in range(4)]

    assert struck == [True, True, False, False]
    assert book.described()[0]["hits"] == 2


@pytest.mark.parametrize(("chance", "strikes"), [(0.0, True), (0.29, True), (0.3, False), (0.99, False)])
def test_a_rule_with_a_rate_strikes_in_that_share_of_cases(chance: float, *, strikes: bool) -> None:
    book = book_of({"fault": "451", "rate": 0.3}, chance=chance)

    assert bool(book.strikes(Stage.RCPT, ["a@b.example"])) is strikes


def test_greylisting_lets_the_second_attempt_in() -> None:
    book = book_of({"match": "*@grey.example", "fault": "greylist"})

    struck = [
        bool(book.strikes(Stage.RCPT, [each]))
        for each in ("a@grey.example", "b@grey.example", "A@grey.example")
    ]

    assert struck == [True, True, False]


def test_greylisting_with_seconds_wants_the_sender_to_wait() -> None:
    time = Time()
    book = book_of(time=time)
    address = "olena+fault-greylist-300@reader.example"

    first = book.strikes(Stage.RCPT, [address])
    time.now += 299
    early = book.strikes(Stage.RCPT, [address])
    time.now += 1
    late = book.strikes(Stage.RCPT, [address])

    assert (bool(first), bool(early), bool(late)) == (True, True, False)


def test_faults_of_the_whole_server_hold_for_everybody() -> None:
    book = book_of({"fault": "refuse"}, {"fault": "size-2000"}, {"fault": "no-smtputf8"})

    assert book.is_refusing
    assert book.size_bytes == 2000
    assert book.is_without("SMTPUTF8")
    assert not book.is_without("8BITMIME")


@pytest.mark.parametrize(
    ("written", "complaint"),
    [
        ("[", "no JSON"),
        ("{}", "must be a list"),
        ("[1]", "rule 1 must be an object"),
        ('[{"fault": "451"}, {"match": "*"}]', "rule 2 must be an object with fault"),
        ('[{"fault": "451", "when": 1}]', "rule 1 must be an object"),
        ('[{"fault": "nonsense"}]', "no fault is called 'nonsense'"),
        ('[{"fault": "451", "match": 5}]', "match must be a glob"),
        ('[{"fault": "451", "times": 0}]', "times must be"),
        ('[{"fault": "451", "times": true}]', "times must be"),
        ('[{"fault": "451", "rate": 1.5}]', "rate must be"),
        ('[{"fault": "greet-421", "match": "*@a.example"}]', "takes no match"),
        ('[{"fault": "refuse", "times": 3}]', "takes no times"),
    ],
)
def test_bad_rules_are_refused_with_their_number(written: str, complaint: str) -> None:
    with pytest.raises(BadRules, match=complaint):
        parse_rules(written)


def test_a_reply_carries_the_enhanced_code_it_was_asked_for() -> None:
    assert replies.refused(code=550, enhanced="5.1.1").startswith("550 5.1.1 ")
    assert replies.refused(code=451, enhanced="").startswith("451 4.0.0 ")


def test_a_long_reply_keeps_its_code_on_every_line() -> None:
    lines = replies.at_length("250 2.1.5 OK").split("\r\n")

    assert len(lines) == replies.LONG_REPLY_LINES + 1
    assert {line[:4] for line in lines[:-1]} == {"250-"}
    assert lines[-1] == "250 2.1.5 OK"
    assert max(map(len, lines)) <= 510
