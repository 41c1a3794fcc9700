from datetime import timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.delivery.models import DeliveryState
from newsletters.delivery.outcomes import Recipient
from newsletters.delivery.retry import RetryPolicy
from newsletters.delivery.verdict import Judge, Verdict
from newsletters.mail.replies import (
    Deferred,
    InDoubt,
    MessageTooBig,
    NeedsSmtputf8,
    Phase,
    Refused,
    Reply,
    ServerUnavailable,
    SmtpError,
    UnsafeAddress,
)
from tests.conftest import NOW

CLOSED = {DeliveryState.ACCEPTED, DeliveryState.BOUNCED, DeliveryState.FAILED, DeliveryState.CANCELLED}
BEFORE_RCPT = [Phase.CONNECT, Phase.GREETING, Phase.EHLO, Phase.TLS, Phase.AUTH, Phase.MAIL]

replies = st.builds(
    Reply,
    code=st.sampled_from([0, 250, 421, 450, 451, 452, 454, 500, 550, 552, 554]),
    enhanced=st.sampled_from(["", "4.2.1", "5.1.1", "5.7.1"]),
    text=st.text(max_size=600),
)
errors = st.builds(
    lambda kind, reply, phase: kind(reply, phase),
    st.sampled_from(
        [Deferred, Refused, InDoubt, ServerUnavailable, NeedsSmtputf8, MessageTooBig, UnsafeAddress]
    ),
    replies,
    st.sampled_from(Phase),
)
recipients = st.builds(
    Recipient,
    subscriber_id=st.just(1),
    subscription_id=st.just(2),
    email=st.just("reader@readers.example"),
    name=st.just(""),
    attempts=st.integers(0, 60),
    was_in_doubt=st.booleans(),
)


@given(errors, recipients, st.booleans(), st.timedeltas(timedelta(), timedelta(days=9)), st.integers())
def test_an_outcome_either_ends_or_says_when_it_goes_on(
    error: SmtpError, recipient: Recipient, retries_doubt: bool, age: timedelta, seed: int
) -> None:
    judge = Judge(RetryPolicy(), retries_doubt, NOW - age, Random(seed))

    verdict = judge.failed(recipient, error, now=NOW)

    if verdict.outcome is None:
        assert verdict.stop or error.phase in BEFORE_RCPT
        return
    outcome = verdict.outcome
    assert (outcome.next_attempt_at is None) != (outcome.settled_at is None)
    assert outcome.next_attempt_at is None or outcome.next_attempt_at > NOW
    assert outcome.settled_at is None or outcome.state in CLOSED | {DeliveryState.UNKNOWN}
    assert recipient.attempts <= outcome.attempts <= recipient.attempts + 1


@given(errors, recipients, st.integers())
def test_nobody_in_doubt_is_said_to_wait_as_if_nothing_had_been_sent(
    error: SmtpError, recipient: Recipient, seed: int
) -> None:
    judge = Judge(RetryPolicy(), True, NOW, Random(seed))

    outcome = judge.failed(recipient, error, now=NOW).outcome

    if outcome is not None and recipient.was_in_doubt:
        assert outcome.state is not DeliveryState.WAITING


@pytest.mark.parametrize("phase", BEFORE_RCPT)
@pytest.mark.parametrize("kind", [Deferred, Refused, ServerUnavailable])
def test_what_happens_before_rcpt_is_between_the_server_and_us(phase: Phase, kind: type[SmtpError]) -> None:
    verdict = _failed(kind(Reply(550, "5.1.1", "no"), phase))

    assert (verdict.outcome, verdict.stop) == (None, "")


def test_a_refusal_of_policy_is_not_the_addresss_bounce() -> None:
    refused = _failed(Refused(Reply(550, "5.7.1", "no"), Phase.RCPT))

    outcomes = [refused.of_kind(kind).outcome for kind in ("hard", "soft", "policy")]

    assert [(outcome.state, outcome.reason) for outcome in outcomes if outcome] == [
        (DeliveryState.BOUNCED, "hard"),
        (DeliveryState.BOUNCED, "soft"),
        (DeliveryState.FAILED, "policy"),
    ]


def test_a_silence_says_in_which_phase() -> None:
    outcome = _failed(ServerUnavailable(Reply(0, "", "no answer in time"), Phase.BODY)).outcome

    assert outcome is not None
    assert outcome.reply == "body: no answer in time"


def _failed(error: SmtpError) -> Verdict:
    recipient = Recipient(1, 2, "reader@readers.example", "", 0, False)
    return Judge(RetryPolicy(), True, NOW, Random(1)).failed(recipient, error, now=NOW)
