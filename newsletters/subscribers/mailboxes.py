"""Mailbox providers by domain: which are so large that many sign-ups an hour are nothing odd. Pure."""

from typing import Final

_WORLDWIDE = "gmail.com googlemail.com outlook.com hotmail.com live.com msn.com yahoo.com ymail.com aol.com"
_APPLE_AND_PRIVATE = "icloud.com me.com mac.com proton.me protonmail.com pm.me fastmail.com zoho.com"
_UKRAINIAN = "ukr.net i.ua meta.ua bigmir.net email.ua"
_GERMAN = "gmx.net gmx.de gmx.com web.de t-online.de"
_EUROPEAN = "yahoo.co.uk hotmail.co.uk btinternet.com orange.fr free.fr laposte.net wanadoo.fr libero.it"
_CENTRAL_EUROPEAN = "wp.pl o2.pl onet.pl interia.pl seznam.cz"

LARGE: Final = frozenset(
    " ".join((_WORLDWIDE, _APPLE_AND_PRIVATE, _UKRAINIAN, _GERMAN, _EUROPEAN, _CENTRAL_EUROPEAN)).split()
)


def is_large_provider(domain: str) -> bool:
    """Whether ``domain`` (lower case, A-labels) is one of the large mailbox providers."""
    return domain in LARGE
