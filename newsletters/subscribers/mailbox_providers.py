"""The large mailbox providers: what they are called, their domains, and where their users read their mail.

The one table of them for sign-up, reports and pages. How fast mail may flow to a provider is the operators'
to settle, by the machines that serve its domains: delivery/shaping.toml. Pure.
"""

from dataclasses import dataclass
from typing import Final

SENDER: Final = "{sender}"
OTHER: Final = "other"


@dataclass(frozen=True, slots=True)
class MailboxProvider:
    """``name`` as its users know it, ``page`` (empty where none is known) with SENDER where it searches.

    ``common`` are the domains that many people use, ``rare`` its others; ``group`` is its name in reports.
    """

    name: str
    page: str
    common: str
    rare: str = ""
    group: str = OTHER

    @property
    def domains(self) -> tuple[str, ...]:
        return (*self.common.split(), *self.rare.split())


_GMAIL = f"https://mail.google.com/mail/u/0/#search/from%3A({SENDER})+in%3Aanywhere"  # spam is searched too
_OUTLOOK = "https://outlook.live.com/mail/0/"
_YAHOO = f"https://mail.yahoo.com/d/search/keyword=from:{SENDER}"
_AOL = f"https://mail.aol.com/d/search/keyword=from:{SENDER}"
_PROTON = f"https://mail.proton.me/u/0/all-mail#from={SENDER}"

PROVIDERS: Final = (
    MailboxProvider("Gmail", _GMAIL, "gmail.com googlemail.com", group="gmail"),
    MailboxProvider(
        "Outlook", _OUTLOOK, "outlook.com hotmail.com", "live.com msn.com hotmail.co.uk", group="outlook"
    ),
    MailboxProvider("Yahoo Mail", _YAHOO, "yahoo.com", "ymail.com yahoo.co.uk", group="yahoo"),
    MailboxProvider("AOL Mail", _AOL, "", "aol.com", group="yahoo"),
    MailboxProvider(
        "iCloud Mail", "https://www.icloud.com/mail", "icloud.com", "me.com mac.com", group="icloud"
    ),
    MailboxProvider("Proton Mail", _PROTON, "proton.me protonmail.com", "pm.me", group="proton"),
    MailboxProvider("Fastmail", "https://app.fastmail.com/mail/", "", "fastmail.com"),
    MailboxProvider("Zoho Mail", "https://mail.zoho.com/", "", "zoho.com"),
    MailboxProvider("ukr.net", "https://mail.ukr.net/", "ukr.net", group="ukr.net"),
    MailboxProvider("I.UA", "https://mail.i.ua/", "i.ua", group="i.ua"),
    MailboxProvider("Meta.ua", "https://webmail.meta.ua/", "meta.ua", group="meta.ua"),
    MailboxProvider("bigmir.net", "https://mail.bigmir.net/", "", "bigmir.net"),
    MailboxProvider("email.ua", "", "", "email.ua"),
    MailboxProvider("GMX", "https://www.gmx.net/", "gmx.net gmx.de", group="gmx"),
    MailboxProvider("GMX", "https://www.gmx.com/", "", "gmx.com", group="gmx"),
    MailboxProvider("WEB.DE", "https://web.de/", "web.de", group="gmx"),
    MailboxProvider("T-Online", "https://email.t-online.de/", "t-online.de"),
    MailboxProvider("BT", "", "", "btinternet.com"),
    MailboxProvider("Orange", "https://messagerie.orange.fr/", "", "orange.fr wanadoo.fr"),
    MailboxProvider("Free", "https://webmail.free.fr/", "", "free.fr"),
    MailboxProvider("La Poste", "https://www.laposte.net/", "", "laposte.net"),
    MailboxProvider("Libero", "https://mail.libero.it/", "", "libero.it"),
    MailboxProvider("WP", "https://poczta.wp.pl/", "", "wp.pl"),
    MailboxProvider("o2", "https://poczta.o2.pl/", "", "o2.pl"),
    MailboxProvider("Onet", "https://poczta.onet.pl/", "", "onet.pl"),
    MailboxProvider("Interia", "https://poczta.interia.pl/", "", "interia.pl"),
    MailboxProvider("Seznam", "https://email.seznam.cz/", "", "seznam.cz"),
)
BY_DOMAIN: Final = {domain: provider for provider in PROVIDERS for domain in provider.domains}
