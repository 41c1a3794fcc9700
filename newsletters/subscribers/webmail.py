"""The reader's own mailbox on the web, by the address's domain, searched for our mail where it can be.

Pure. An address of such a page holds our sender and nothing of the reader's: who is signed in there is
between the reader and the provider. A domain that is not in the table has no page: no guess is made.
"""

from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

SENDER: Final = "{sender}"


@dataclass(frozen=True, slots=True)
class Mailbox:
    """A provider's name as its users know it, and the page that shows their mail."""

    name: str
    url: str


_GMAIL = f"https://mail.google.com/mail/u/0/#search/from%3A({SENDER})+in%3Aanywhere"  # spam is searched too
_PROTON = f"https://mail.proton.me/u/0/all-mail#from={SENDER}"
_YAHOO = f"https://mail.yahoo.com/d/search/keyword=from:{SENDER}"
_TABLE: Final = (
    ("Gmail", _GMAIL, "gmail.com googlemail.com"),
    ("Outlook", "https://outlook.live.com/mail/0/", "outlook.com hotmail.com live.com msn.com hotmail.co.uk"),
    ("Yahoo Mail", _YAHOO, "yahoo.com ymail.com yahoo.co.uk"),
    ("AOL Mail", f"https://mail.aol.com/d/search/keyword=from:{SENDER}", "aol.com"),
    ("Proton Mail", _PROTON, "proton.me protonmail.com pm.me"),
    ("iCloud Mail", "https://www.icloud.com/mail", "icloud.com me.com mac.com"),
    ("Fastmail", "https://app.fastmail.com/mail/", "fastmail.com"),
    ("Zoho Mail", "https://mail.zoho.com/", "zoho.com"),
    ("ukr.net", "https://mail.ukr.net/", "ukr.net"),
    ("I.UA", "https://mail.i.ua/", "i.ua"),
    ("Meta.ua", "https://webmail.meta.ua/", "meta.ua"),
    ("bigmir.net", "https://mail.bigmir.net/", "bigmir.net"),
    ("GMX", "https://www.gmx.net/", "gmx.net gmx.de"),
    ("GMX", "https://www.gmx.com/", "gmx.com"),
    ("WEB.DE", "https://web.de/", "web.de"),
    ("T-Online", "https://email.t-online.de/", "t-online.de"),
    ("Orange", "https://messagerie.orange.fr/", "orange.fr wanadoo.fr"),
    ("Free", "https://webmail.free.fr/", "free.fr"),
    ("La Poste", "https://www.laposte.net/", "laposte.net"),
    ("Libero", "https://mail.libero.it/", "libero.it"),
    ("WP", "https://poczta.wp.pl/", "wp.pl"),
    ("o2", "https://poczta.o2.pl/", "o2.pl"),
    ("Onet", "https://poczta.onet.pl/", "onet.pl"),
    ("Interia", "https://poczta.interia.pl/", "interia.pl"),
    ("Seznam", "https://email.seznam.cz/", "seznam.cz"),
)  # fmt: skip
_BY_DOMAIN: Final = {
    domain: (name, template) for name, template, domains in _TABLE for domain in domains.split()
}


def mailbox_of(domain: str, *, sender: str) -> Mailbox | None:
    """The page that shows the mail of an address at ``domain`` (lower case); None where none is known."""
    if domain not in _BY_DOMAIN:
        return None
    name, template = _BY_DOMAIN[domain]
    return Mailbox(name, template.replace(SENDER, quote(sender, safe="")))
