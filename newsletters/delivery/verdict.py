"""What the answer of the mail server means for a delivery, and for the issue. Pure.

The phase decides whose fault it is. What goes wrong before RCPT is between the server and us and spends
nobody's attempt; a connection lost on the way to the final dot delivered nothing and spends none either;
one lost after the dot leaves the message in doubt (RFC 1047).
"""

from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Final

from newsletters.delivery.batches import IN_DOUBT
from newsletters.delivery.models import DeliveryState
from newsletters.delivery.outcomes import Outcome, Recipient
from newsletters.delivery.retry import RetryPolicy
from newsletters.kernel.errors import DomainError
from newsletters.mail.replies import (
    InDoubt,
    MessageTooBig,
    NeedsSmtputf8,
    Phase,
    Refused,
    Reply,
    ServerUnavailable,
    SmtpError,
)

ABOUT_RECIPIENT: Final = frozenset({Phase.RCPT, Phase.DATA, Phase.BODY, Phase.DOT})
THROTTLED: Final = 454  # Amazon SES says so after DATA, drops the message and leaves the retry to us
EXPIRED = "expired"
POLICY = "policy"


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for the delivery, if there is one, and why the issue must stop, if it must.

    With neither, the message was not heard at all, and may go another way.
    """

    outcome: Outcome | None
    stop: str = ""
    refusal: Reply | None = None

    def of_kind(self, kind: str) -> "Verdict":
        """The verdict on a refusal, once its kind is known: policy is not the address's fault."""
        if self.outcome is None:
            return self
        state = DeliveryState.FAILED if kind == POLICY else DeliveryState.BOUNCED
        return replace(self, outcome=self.outcome._replace(state=state, reason=kind))


@dataclass(frozen=True, slots=True)
class Judge:
    """The rules in force, and the moment and chance they are applied with."""

    policy: RetryPolicy
    retries_doubt: bool
    started_at: datetime
    chance: Random

    def accepted(self, recipient: Recipient, reply: Reply, *, now: datetime) -> Verdict:
        """The server took the message over."""
        return Verdict(
            Outcome(
                subscriber_id=recipient.subscriber_id,
                state=DeliveryState.ACCEPTED,
                reason=IN_DOUBT if recipient.was_in_doubt else "",
                attempts=recipient.attempts + 1,
                settled_at=now,
                reply=str(reply),
            )
        )

    def failed(self, recipient: Recipient, error: SmtpError, *, now: datetime) -> Verdict:
        """The server did not, or did not say so."""
        if isinstance(error, Refused) and error.is_local:
            return self._refused_here(recipient, error, now)
        if error.phase not in ABOUT_RECIPIENT:
            return Verdict(None)
        if isinstance(error, InDoubt | ServerUnavailable):
            lost = self._in_doubt if isinstance(error, InDoubt) else self._dropped
            return Verdict(lost(recipient, error, now))
        if isinstance(error, Refused):
            return Verdict(self._given_up(recipient, "", error, now), refusal=error.reply)
        if error.reply.code == THROTTLED:
            return Verdict(self._dropped(recipient, error, now))
        return Verdict(self._deferred(recipient, error, now))

    def unwritable(self, recipient: Recipient, error: DomainError, *, now: datetime) -> Verdict:
        """No message can be written for this reader; nothing was sent."""
        return Verdict(
            Outcome(
                subscriber_id=recipient.subscriber_id,
                state=DeliveryState.FAILED,
                reason="invalid_address",
                attempts=recipient.attempts,
                settled_at=now,
                reply=type(error).__name__,
            )
        )

    def put_off(self, recipient: Recipient, *, until: datetime, why: str) -> Outcome:
        """It was not tried at all: a rate or a rest of ours holds it up."""
        return self._waiting(
            recipient, attempts=recipient.attempts, again_at=until, reply=f"held back: {why}"
        )

    def _refused_here(self, recipient: Recipient, error: Refused, now: datetime) -> Verdict:
        """Decided without the server. Too big for one reader is too big for all: an editor must look."""
        if isinstance(error, MessageTooBig):
            return Verdict(None, stop=_said(error))
        reason = "needs_smtputf8" if isinstance(error, NeedsSmtputf8) else "invalid_address"
        return Verdict(self._given_up(recipient, reason, error, now))

    def _deferred(self, recipient: Recipient, error: SmtpError, now: datetime) -> Outcome:
        attempts = recipient.attempts + 1
        again_at = self.policy.next_attempt_at(attempts, now=now, chance=self.chance)
        if again_at is None:
            return self._given_up(recipient, EXPIRED, error, now)
        return self._waiting(recipient, attempts=attempts, again_at=again_at, reply=_said(error))

    def _dropped(self, recipient: Recipient, error: SmtpError, now: datetime) -> Outcome:
        again_at = self.policy.after_drop(self.started_at, now=now, chance=self.chance)
        if again_at is None:
            return self._given_up(recipient, EXPIRED, error, now)
        return self._waiting(recipient, attempts=recipient.attempts, again_at=again_at, reply=_said(error))

    def _waiting(self, recipient: Recipient, *, attempts: int, again_at: datetime, reply: str) -> Outcome:
        """Waiting again; but what was in doubt before stays so, for an earlier copy may have arrived."""
        doubtful = recipient.was_in_doubt
        return Outcome(
            subscriber_id=recipient.subscriber_id,
            state=DeliveryState.UNKNOWN if doubtful else DeliveryState.WAITING,
            reason=IN_DOUBT if doubtful else "",
            attempts=attempts,
            next_attempt_at=again_at,
            reply=reply,
        )

    def _in_doubt(self, recipient: Recipient, error: SmtpError, now: datetime) -> Outcome:
        attempts = recipient.attempts + 1
        again_at = self.policy.next_attempt_at(attempts, now=now, chance=self.chance)
        return Outcome(
            subscriber_id=recipient.subscriber_id,
            state=DeliveryState.UNKNOWN,
            reason=IN_DOUBT,
            attempts=attempts,
            next_attempt_at=again_at if self.retries_doubt else None,
            settled_at=None if self.retries_doubt and again_at else now,
            reply=_said(error),
        )

    def _given_up(self, recipient: Recipient, reason: str, error: SmtpError, now: datetime) -> Outcome:
        """Failed; but a copy sent before and in doubt may have arrived, and that stays the last word."""
        doubtful = recipient.was_in_doubt and reason == EXPIRED
        return Outcome(
            subscriber_id=recipient.subscriber_id,
            state=DeliveryState.UNKNOWN if doubtful else DeliveryState.FAILED,
            reason=reason,
            attempts=recipient.attempts + 1,
            settled_at=now,
            reply=_said(error),
        )


def _said(error: SmtpError) -> str:
    """The server's reply, or in which phase there was none and why."""
    return str(error.reply) if error.reply.code else str(error)
