"""What is written ahead comes back whole, signed by whoever is there to sign."""

import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from threading import Event
from typing import cast

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519

from newsletters.delivery.loads import Parcel
from newsletters.delivery.mailing import Draft
from newsletters.delivery.writers import Writers, Written
from newsletters.kernel.errors import DomainError
from newsletters.mail.letters import Letter
from newsletters.mail.seal import Unsealed
from newsletters.mail.sign import DkimKey
from newsletters.mail.signature import folded
from newsletters.mail.signers import ProcessSigner

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
KEY = DkimKey("newsroom.example", "e1", ed25519.Ed25519PrivateKey.generate())
PATIENCE_SECONDS = 60.0


@dataclass(eq=False)
class Order:
    """As much of a parcel as writers look at: it is its own load and mailing."""

    number: int
    fails: bool = False
    is_signed: bool = True
    recipient: str = "reader@readers.example"
    load: "Order" = field(init=False)
    mailing: "Order" = field(init=False)

    def __post_init__(self) -> None:
        self.load = self.mailing = self

    def draft(self, recipient: str, *, now: datetime) -> Draft:  # noqa: ARG002  (as Mailing.draft is called)
        if self.fails:
            raise DomainError("nobody can be written to there")
        unsealed = Unsealed((), (), (b"message %d" % self.number,))
        if self.is_signed:
            unsealed = unsealed._replace(digests=(b"%032d" % self.number,), fields=(b"Signature: ",))
        return Draft("bounce@newsroom.example", recipient, unsealed)


class Room:
    """Writers, and a bell that rings when something is signed."""

    def __init__(self, *, signs: bool) -> None:
        self.bell = Event()
        self.signer = ProcessSigner([KEY]) if signs else None
        self.writers = Writers([self.signer] if self.signer else [], wake=self.bell.set)

    def written(self, orders: list[Order]) -> list[tuple[Order, Written]]:
        """Have them written, and wait for all."""
        self.writers.ask(cast("list[Parcel]", orders), NOW)
        done: list[tuple[Order, Written]] = []
        while len(done) < len(orders):
            self.bell.clear()
            done += cast("list[tuple[Order, Written]]", self.writers.collect())
            assert self.writers.is_due or len(done) == len(orders) or self.bell.wait(PATIENCE_SECONDS)
        return done


@pytest.fixture
def room() -> Iterator[Room]:
    room = Room(signs=True)
    yield room
    room.writers.close()


def test_every_message_gets_its_own_signature(room: Room) -> None:
    orders = [Order(number) for number in range(20)]

    written = dict(room.written(orders))

    for order in orders:
        letter = written[order]
        assert isinstance(letter, Letter)
        signature = folded(KEY.signature_of(b"%032d" % order.number))
        assert letter.message == b"Signature: " + signature + b"message %d" % order.number


def test_what_cannot_be_written_comes_back_with_the_reason_among_the_others(room: Room) -> None:
    good, bad = Order(1), Order(2, fails=True)

    written = dict(room.written([good, bad]))

    assert isinstance(written[good], Letter)
    assert isinstance(written[bad], DomainError)


def test_where_none_of_some_can_be_written_the_next_are_signed_all_the_same(room: Room) -> None:
    room.written([Order(number, fails=True) for number in range(3)])
    good = Order(4)

    written = dict(room.written([good]))

    assert isinstance(written[good], Letter)
    assert room.signer is not None and not room.signer.is_lost


def test_nothing_is_in_hand_when_all_is_written(room: Room) -> None:
    room.written([Order(1), Order(2, fails=True), Order(3)])

    assert room.writers.under_way == 0
    assert not room.writers.is_due


def test_closing_does_not_wait_for_what_nobody_wants_any_more() -> None:
    room = Room(signs=True)
    for start in range(0, 640, 16):
        room.writers.ask(cast("list[Parcel]", [Order(start + number) for number in range(16)]), NOW)
        room.writers.collect()

    room.writers.close()

    assert room.signer is not None
    with pytest.raises(ProcessLookupError):
        os.kill(room.signer.process_id, 0)


def test_without_signers_messages_are_written_as_they_are() -> None:
    room = Room(signs=False)
    order = Order(1, is_signed=False)

    written = dict(room.written([order]))

    letter = written[order]
    assert isinstance(letter, Letter)
    assert letter.message == b"message 1"
