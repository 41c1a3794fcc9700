"""The reader's own mailbox on the web."""

from urllib.parse import urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.subscribers.mailbox_providers import BY_DOMAIN
from newsletters.subscribers.mailboxes import GUESSED
from newsletters.subscribers.webmail import Mailbox, mailbox_of

SENDER = "letters@newsroom.example"
WITH_A_PAGE = sorted(domain for domain, provider in BY_DOMAIN.items() if provider.page)


@pytest.mark.parametrize(
    ("domain", "name", "begins"),
    [
        (
            "gmail.com",
            "Gmail",
            "https://mail.google.com/mail/u/0/#search/from%3A(letters%40newsroom.example)",
        ),
        (
            "yahoo.com",
            "Yahoo Mail",
            "https://mail.yahoo.com/d/search/keyword=from:letters%40newsroom.example",
        ),
        ("pm.me", "Proton Mail", "https://mail.proton.me/u/0/all-mail#from=letters%40newsroom.example"),
        ("hotmail.com", "Outlook", "https://outlook.live.com/"),
        ("icloud.com", "iCloud Mail", "https://www.icloud.com/mail"),
        ("ukr.net", "ukr.net", "https://mail.ukr.net/"),
        ("i.ua", "I.UA", "https://mail.i.ua/"),
        ("meta.ua", "Meta.ua", "https://webmail.meta.ua/"),
        ("web.de", "WEB.DE", "https://web.de/"),
    ],
)
def test_a_known_provider_has_a_page(domain: str, name: str, begins: str) -> None:
    mailbox = mailbox_of(domain, sender=SENDER)

    assert mailbox is not None
    assert mailbox.name == name
    assert mailbox.url.startswith(begins)


@pytest.mark.parametrize(
    "domain", ["newsroom.example", "btinternet.com", "", "evil-gmail.com", "gmail.com.evil.example"]
)
def test_no_guess_is_made(domain: str) -> None:
    assert mailbox_of(domain, sender=SENDER) is None


def test_every_domain_that_slips_lead_to_has_a_page() -> None:
    assert [domain for domain in GUESSED if mailbox_of(domain, sender=SENDER) is None] == []


@given(domain=st.sampled_from(WITH_A_PAGE), sender=st.text(max_size=40))
def test_whatever_the_sender_the_page_is_the_providers(domain: str, sender: str) -> None:
    mailbox = mailbox_of(domain, sender=sender)
    plain = mailbox_of(domain, sender="")

    assert isinstance(mailbox, Mailbox)
    assert isinstance(plain, Mailbox)
    assert mailbox.url.isascii()
    assert not set(mailbox.url) & set(' "<>\\')
    assert (urlsplit(mailbox.url).scheme, urlsplit(mailbox.url).netloc) == (
        "https",
        urlsplit(plain.url).netloc,
    )
