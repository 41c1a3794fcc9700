"""What an address says by itself: a large provider, a throw-away domain, an office, a slip of the pen. Pure.

Nothing here asks DNS or the database, and nothing corrects an address: a slip is only ever pointed out.
"""

from typing import Final

from disposable_email_domains import blocklist

from newsletters.subscribers.mailbox_providers import BY_DOMAIN, OTHER, PROVIDERS

LARGE: Final = frozenset(BY_DOMAIN)
# Those that many people use; a small domain one letter away from a small one is most likely itself.
GUESSED: Final = tuple(domain for provider in PROVIDERS for domain in provider.common.split())
ENDINGS: Final = {
    "con": "com", "cpm": "com", "comm": "com", "cm": "com", "vom": "com", "xom": "com", "om": "com",
    "nte": "net", "ney": "net", "bet": "net", "ne": "net", "met": "net",
}  # fmt: skip
NO_SLIPS: Final = frozenset({"mail.com", "email.com", "gmx.at", "gmx.ch", "hotmail.de", "yahoo.de"})
LONGEST_GUESSED: Final = 30
_OFFICES = """
    abuse accounts admin administrator all billing board careers contact customerservice desk editor editors
    editorial enquiries events everyone feedback finance help hello hostmaster hr info information inquiries
    it jobs list mail mailer-daemon management marketing media news newsroom no-reply noc noreply office
    orders postmaster pr press privacy redaktion registrar root sales security service staff subscribe support
    sysadmin team tech unsubscribe usenet uucp webmaster www
"""
ROLES: Final = frozenset(_OFFICES.split())


def is_large_provider(domain: str) -> bool:
    """Whether ``domain`` (lower case, A-labels) is one of the large mailbox providers."""
    return domain in LARGE


def provider_of(email: str) -> str:
    """The mailbox provider of an address, as reports name it; "other" for every small domain together."""
    domain = email.rpartition("@")[2].lower()
    provider = BY_DOMAIN.get(domain)
    return provider.group if provider is not None else OTHER


def is_throwaway(domain: str) -> bool:
    """Whether mailboxes at ``domain``, or at a domain it belongs to, are made to be thrown away."""
    labels = domain.split(".")
    return any(".".join(labels[start:]) in blocklist for start in range(len(labels) - 1))


def is_role(email: str) -> bool:
    """Whether an address is an office and not a person (RFC 2142, and what offices are called)."""
    local = email.rpartition("@")[0].partition("+")[0].casefold()
    return local.replace("_", "-") in ROLES


def likely_meant(domain: str) -> str:
    """The well-known domain that ``domain`` is one slip away from; empty where there is none."""
    if domain in LARGE or domain in NO_SLIPS or len(domain) > LONGEST_GUESSED:
        return ""
    name, _, end = domain.rpartition(".")
    mended = f"{name}.{ENDINGS[end]}" if end in ENDINGS else domain
    if mended != domain and mended in LARGE:
        return mended
    close = [known for known in GUESSED if _is_one_slip(mended, known)]
    return close[0] if close else ""


def _is_one_slip(typed: str, known: str) -> bool:
    """Whether one letter was left out, added, replaced, or two were swapped (Damerau 1964)."""
    if typed == known or abs(len(typed) - len(known)) > 1:
        return False
    start = next((place for place, (a, b) in enumerate(zip(typed, known, strict=False)) if a != b), None)
    if start is None:
        return True
    left, right = typed[start:], known[start:]
    is_swapped = left[:2] == right[1::-1] and left[2:] == right[2:] and len(left) > 1
    return is_swapped or left[1:] == right[1:] or left[1:] == right or left == right[1:]
