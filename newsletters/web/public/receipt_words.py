"""A reader's own evidence and data in words that they would use."""

from typing import Final

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

EVENTS: Final[dict[str, LazyString]] = {
    "requested": _l("You asked for it"),
    "confirmed": _l("You confirmed it"),
    "withdrawn": _l("You unsubscribed"),
    "paused": _l("You paused it"),
    "resumed": _l("It comes again"),
}
MECHANISMS: Final[dict[str, LazyString]] = {
    "form": _l("with a sign-up form"),
    "link": _l("by the link in our mail"),
    "same_browser": _l("by the link in our mail, in the browser you had signed up with"),
    "code": _l("by the six digits from our mail"),
    "preferences": _l("in your preferences"),
    "one_click": _l("with the button of your mail program"),
    "mail": _l("by a mail to us"),
    "undo": _l("by taking back that you had left"),
    "import": _l("brought over by the newsroom from another list"),
    "merged": _l("when two addresses of yours became one"),
    "pause_ended": _l("because your pause was over"),
}
FORMS: Final[dict[str, LazyString]] = {
    "front page": _l("on our page of all newsletters"),
    "newsletter page": _l("on the newsletter’s own page"),
    "issue page": _l("on the page of an issue"),
}
STATES: Final[dict[str, LazyString]] = {
    "pending": _l("Waits for your confirmation"),
    "active": _l("Comes to you"),
    "paused": _l("Paused"),
    "unsubscribed": _l("Unsubscribed"),
    "bounced": _l("Stopped: our mail came back"),
    "complained": _l("Stopped: reported as spam"),
}
RHYTHMS: Final[dict[str, LazyString]] = {
    "each": _l("Each issue as it comes out"),
    "daily": _l("One digest a day"),
    "weekly": _l("One digest a week"),
}
OUTCOMES: Final[dict[str, LazyString]] = {
    "waiting": _l("on its way"),
    "accepted": _l("taken by your mail server"),
    "bounced": _l("refused by your mail server"),
    "failed": _l("could not be delivered"),
    "unknown": _l("may have arrived"),
    "cancelled": _l("not sent"),
}
MAILS: Final[dict[str, LazyString]] = {
    "confirm": _l("Asking you to confirm"),
    "reminder": _l("Reminding you to confirm"),
    "already_subscribed": _l("You are subscribed already"),
    "preferences": _l("The way to your preferences"),
    "change_address": _l("Asking about a new address"),
    "address_changed": _l("The address has changed"),
    "digest": _l("A digest"),
}
STOPPED: Final[dict[str, LazyString]] = {
    "hard_bounce": _l("your mailbox did not exist when we wrote"),
    "soft_bounces": _l("your mailbox kept refusing our mail"),
    "complaint": _l("our mail was reported as unwanted"),
    "editor": _l("an editor stopped it"),
    "erased": _l("you asked to be erased"),
}
NOTICED: Final[dict[str, LazyString]] = {
    "trap": _l("a field that nobody sees was filled in"),
    "fast": _l("it was sent within moments"),
    "link": _l("there was a link in the name"),
    "throwaway": _l("the mailbox is one made for a day"),
    "crowd": _l("very many forms came in at that time"),
    "held_machine": _l("it waited for an editor"),
    "held_role": _l("it waited for an editor"),
    "held_no_server": _l("no mail server answered for the address"),
    "held_suppressed": _l("we must not write to this address"),
    "held_bounced": _l("our mail had come back before"),
    "held_limit": _l("another mail had just gone to this address"),
}


def noticed_words(signal: str) -> str:
    """What was noticed about a sign-up; what we have no words for is shown as it is."""
    return str(NOTICED.get(signal, signal))


WORDS: Final = {
    "events": EVENTS,
    "mechanisms": MECHANISMS,
    "forms": FORMS,
    "states": STATES,
    "rhythms": RHYTHMS,
    "outcomes": OUTCOMES,
    "mails": MAILS,
    "stopped": STOPPED,
}
