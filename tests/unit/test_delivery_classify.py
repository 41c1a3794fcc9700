import pytest

from newsletters.bounces.classify import classify
from newsletters.bounces.models import BounceKind

HARD, SOFT, POLICY = BounceKind.HARD, BounceKind.SOFT, BounceKind.POLICY

REPLIES = [
    # the address is dead
    (550, "5.1.1", "no such user", HARD),
    (550, "5.1.2", "bad destination host", HARD),
    (501, "5.1.3", "bad destination mailbox syntax", HARD),
    (550, "5.1.6", "mailbox has moved", HARD),
    (556, "5.1.10", "recipient address has null MX", HARD),
    (521, "", "host does not accept mail", HARD),
    (550, "", "User unknown", HARD),
    (550, "", "Requested action not taken: mailbox unavailable", HARD),
    (550, "5.0.0", "no such recipient here", HARD),
    # about the sender, never about the address
    (550, "5.1.7", "bad sender's mailbox address syntax", POLICY),
    (550, "5.1.8", "bad sender's system address", POLICY),
    # the mailbox, but not dead
    (552, "5.2.2", "mailbox full", SOFT),
    (550, "5.2.1", "mailbox disabled", SOFT),
    (552, "", "exceeded storage allocation", SOFT),
    (550, "5.4.1", "recipient address rejected", SOFT),
    (550, "", "requested action not taken", SOFT),
    # policy and protocol
    (550, "5.7.1", "user unknown", POLICY),
    (550, "5.7.26", "unauthenticated mail", POLICY),
    (550, "5.7.515", "does not meet the required authentication level", POLICY),
    (554, "5.6.0", "bad content", POLICY),
    (552, "5.3.4", "message too big", POLICY),
    (500, "5.5.2", "syntax error", POLICY),
    (550, "", "blocked by our spam policy; user unknown", POLICY),
    (554, "", "transaction failed", POLICY),
    (503, "", "bad sequence of commands", POLICY),
]


@pytest.mark.parametrize(("code", "enhanced", "text", "kind"), REPLIES)
def test_a_reply_is_classified(code: int, enhanced: str, text: str, kind: BounceKind) -> None:
    assert classify(code, enhanced, text) is kind


@pytest.mark.parametrize("detail", range(0, 600, 7))
@pytest.mark.parametrize("text", ["no such user", "mailbox unavailable", "invalid recipient"])
def test_policy_never_condemns_an_address_whatever_it_says(detail: int, text: str) -> None:
    assert classify(550, f"5.7.{detail}", text) is POLICY
