"""Signing processes: the same signatures as here, in their order, and nothing lost with a process."""

import hashlib
import os
import signal
from collections.abc import Iterator

import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from newsletters.mail.sign import DkimKey
from newsletters.mail.signers import HereSigner, ProcessSigner

KEYS = (
    DkimKey("newsroom.example", "r1", rsa.generate_private_key(65537, 2048)),
    DkimKey("newsroom.example", "e1", ed25519.Ed25519PrivateKey.generate()),
)


def _digests(messages: int, *, salt: str) -> list[bytes]:
    return [hashlib.sha256(f"{salt} {number}".encode()).digest() for number in range(messages) for _ in KEYS]


@pytest.fixture
def signer() -> Iterator[ProcessSigner]:
    signer = ProcessSigner(KEYS)
    yield signer
    signer.close()


def test_a_process_signs_as_one_would_here(signer: ProcessSigner) -> None:
    asked = _digests(5, salt="one")

    signer.ask(asked)

    assert signer.answer(asked) == HereSigner(KEYS).answer(asked)


def test_what_was_asked_for_ahead_is_answered_in_its_order(signer: ProcessSigner) -> None:
    questions = [_digests(16, salt=str(number)) for number in range(30)]

    for asked in questions:
        signer.ask(asked)
    answers = [signer.answer(asked) for asked in questions]

    assert answers == [HereSigner(KEYS).answer(asked) for asked in questions]


def test_a_process_that_is_told_to_stop_signs_on_until_its_owner_is_done(signer: ProcessSigner) -> None:
    asked = _digests(2, salt="stop")
    signer.ask(asked)
    signer.answer(asked)  # it has begun, and so has its way with signals

    os.kill(signer.process_id, signal.SIGTERM)
    signer.ask(asked)

    assert signer.answer(asked) == HereSigner(KEYS).answer(asked)
    assert not signer.is_lost


def test_what_a_killed_process_had_in_hand_is_signed_here(signer: ProcessSigner) -> None:
    first, second = _digests(3, salt="first"), _digests(3, salt="second")
    signer.ask(first)
    os.kill(signer.process_id, signal.SIGKILL)

    signer.ask(second)

    assert [signer.answer(asked) for asked in (first, second)] == [
        HereSigner(KEYS).answer(asked) for asked in (first, second)
    ]


def test_the_process_ends_with_its_owner() -> None:
    signer = ProcessSigner(KEYS)

    signer.close()

    with pytest.raises(ProcessLookupError):
        os.kill(signer.process_id, 0)
