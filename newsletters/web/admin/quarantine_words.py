"""What returned mail, its quarantine and the watched shares say to people."""

from typing import Final

from flask_babel import format_decimal

from newsletters.bounces.event import EventKind
from newsletters.bounces.models import BounceSpike, Level, Measure, RateAlert, SpikeVerdict
from newsletters.bounces.quarantined import QuarantineReason
from newsletters.web.tongue import _, ngettext

CHOICES: Final = {
    kind.value: kind for kind in (EventKind.HARD, EventKind.SOFT, EventKind.POLICY, EventKind.COMPLAINT)
}


def why_words(why: QuarantineReason) -> str:
    """Why a mail lies here."""
    return {
        QuarantineReason.UNREADABLE: _("It cannot be taken apart."),
        QuarantineReason.UNKNOWN: _("It says nothing that a program understands."),
        QuarantineReason.UNPROVEN: _("It complains about a mail, and nothing in it proves that we sent it."),
        QuarantineReason.FOREIGN: _("It is about a reader or a mail that is gone."),
        QuarantineReason.MISDIRECTED: _("A machine sent it to an address that people write to."),
    }[why]


def kind_words(kind: str) -> str:
    """What a mail says, or seems to say."""
    return {
        "hard": _("The address is dead"),
        "soft": _("The mailbox is full, or could not take it this time"),
        "policy": _("The server refuses us, not the address"),
        "temporary": _("The server is still trying"),
        "notice": _("It arrived, or a machine answers"),
        "complaint": _("The reader calls our mail spam"),
    }.get(kind, _("Nobody knows"))


def consequence_words(kind: str) -> str:
    """What follows from a choice."""
    return {
        "hard": _("Nothing more is sent to this address."),
        "soft": _("It counts for one day; after five such days nothing more is sent."),
        "policy": _("It is kept in the reader’s history; nothing else follows."),
        "complaint": _("Nothing more is sent to this reader, and the complaint counts for the issue."),
    }[kind]


def spike_words(spike: BounceSpike) -> str:
    """What happened at a domain."""
    return ngettext(
        "%(number)s of %(sent)s messages to %(domain)s came back within an hour as undeliverable for good.",
        "%(number)s of %(sent)s messages to %(domain)s came back within an hour as undeliverable for good.",
        spike.hard,
        number=spike.hard,
        sent=spike.sent,
        domain=spike.domain,
    )


def hold_ended(verdict: SpikeVerdict) -> str:
    """What an editor's word about a domain does."""
    if verdict is SpikeVerdict.CONDEMNED:
        return _("Nothing more is sent to these addresses. It takes effect within a minute.")
    return _("These addresses stay as they were. One that is dead will come back again.")


def alert_words(alert: RateAlert) -> str:
    """What a watched share came to."""
    share = format_decimal(100 * alert.events / max(alert.accepted, 1), "0.00")
    if alert.measure is Measure.COMPLAINTS:
        said = ngettext(
            "%(number)s reader of %(all)s called it spam: %(share)s %%.",
            "%(number)s readers of %(all)s called it spam: %(share)s %%.",
            alert.events,
            number=alert.events,
            all=alert.accepted,
            share=share,
        )
    else:
        said = ngettext(
            "%(number)s address of %(all)s is dead: %(share)s %%.",
            "%(number)s addresses of %(all)s are dead: %(share)s %%.",
            alert.events,
            number=alert.events,
            all=alert.accepted,
            share=share,
        )
    return f"{alert.provider}: {said}" if alert.provider else said


def returned_names() -> dict[str, str]:
    """What the lines of a plot of returned mail are called."""
    return {
        "hard": _("Dead addresses"),
        "soft": _("Full, or not this time"),
        "policy": _("Refused us"),
        "complaints": _("Complaints"),
    }


def alert_tone(alert: RateAlert) -> str:
    return "bad" if alert.level is Level.PAUSE else "warn"
