"""What a mail server's reply means, in the desk's words."""

from newsletters.reports.replies import Gist
from newsletters.web.tongue import _


def gist_words(gist: Gist) -> str:
    """One plain sentence."""
    return {
        Gist.NONE: "",
        Gist.TAKEN: _("The server took the message."),
        Gist.NO_SUCH_ADDRESS: _("There is no such address."),
        Gist.MAILBOX_FULL: _("The mailbox is full."),
        Gist.MAILBOX_CLOSED: _("The mailbox is closed or blocked."),
        Gist.TOO_BIG: _("The message is too big for this mailbox."),
        Gist.POLICY: _("The server refuses our mail by its rules, often as spam."),
        Gist.SENDER: _("The server objects to our sender address."),
        Gist.LATER: _("The server asked us to come back later."),
        Gist.NETWORK: _("The other server could not be reached."),
        Gist.REFUSED: _("The server refused the message."),
    }[gist]
