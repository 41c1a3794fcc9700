"""Every kind of single mail, in every language, on the bytes that the sink received."""

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from config import Config
from newsletters.kernel.clock import FixedClock
from newsletters.kernel.db import Database
from newsletters.kernel.i18n import LANGUAGES
from newsletters.kernel.tokens import Signer
from newsletters.mail.office import Office
from newsletters.mail.outbox import QueuedMail, queue
from newsletters.mail.render import TEMPLATES
from newsletters.mail.sending import OutboxSender
from newsletters.mail.sign import PrivateKey
from tests.conftest import NOW
from tests.mailcheck import checked, html_of, text_of
from tests.sink import SinkProcess

LINK = "https://news.example/way/in/" + "t" * 90
LOOK = {"accent": "#a3243b", "accent_dark": "#f29ca8", "brand": "Пояснюємо & Україну"}
LISTED = {"newsletters": ["Пояснюємо & Україну"], "hours": 24, **LOOK}
KINDS: dict[str, dict[str, Any]] = {
    "confirm": {
        **LISTED,
        "confirm_url": LINK,
        "canary_url": f"{LINK}/c",
        "code": "123456",
        "days": 7,
        "subject": "",
        "intro": "",
    },
    "reminder": {
        "newsletters": ["Пояснюємо & Україну"],
        **LOOK,
        "confirm_url": LINK,
        "canary_url": f"{LINK}/c",
        "code": "123456",
        "days": 7,
    },
    "already_subscribed": {**LISTED, "preferences_url": LINK},
    "digest": {
        "kind": "catch_up",
        "newsletter": "Пояснюємо & Україну",
        "issues": [
            {"subject": "Що <b>сталося</b>", "preheader": "Коротко & ясно", "url": LINK, "day": "1"},
            {"subject": "Без вступу", "preheader": "", "url": LINK, "day": "2"},
        ],
        "more": 3,
        "archive_url": LINK,
        "email": "reader@readers.example",
        "unsubscribe_url": LINK,
        "preferences_url": LINK,
        "postal_address": "Вулиця Преси, 1",
        **LOOK,
        "brand_url": LINK,
    },
    "preferences": {"preferences_url": LINK, "hours": 24},
    "change_address": {"change_url": LINK, "hours": 24},
    "address_changed": {"new_address": "o•••@readers.example"},
    "invitation": {"inviter": "Olena <b>O'Connor</b>", "url": LINK, "days": 7},
    "password_reset": {"url": LINK},
    "second_factor": {"event": "recovery_used", "left": 4, "by": "", "url": LINK},
    "reader_reply": {
        "newsletter": "Пояснюємо & Україну",
        "subject": "Re: <b>news</b>",
        "author": "Olha <olha@readers.example>",
        "excerpt": "Thank you.\n\nOlha",
        "is_cut": True,
        "reply_to": "olha@readers.example",
    },
    "signup_alert": {"is_over": False, "bound": 120, "minutes": 0},
    "rate_alert": {
        "issue_id": 7,
        "subject": "What <b>happened</b>",
        "newsletter": "Пояснюємо & Україну",
        "measure": "complaints",
        "provider": "google",
        "events": 5,
        "accepted": 400,
        "percent": "1.25",
        "is_paused": True,
    },
}
WITH_LINK = [kind for kind, params in KINDS.items() if LINK in params.values()]


def test_every_kind_of_mail_is_tried_here() -> None:
    on_disk = {folder.name for folder in TEMPLATES.iterdir() if (folder / "subject.txt").exists()}

    assert on_disk == set(KINDS)


class Keys:
    """The two DKIM keys of a newsroom, on disk and in the DNS."""

    def __init__(self, folder: Path) -> None:
        self.paths = (folder / "rsa.pem", folder / "ed25519.pem")
        self.selectors = ("r1", "e1")
        self.paths[0].write_bytes(_pem(rsa.generate_private_key(public_exponent=65537, key_size=2048)))
        self.paths[1].write_bytes(_pem(ed25519.Ed25519PrivateKey.generate()))


def _pem(key: PrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


@pytest.fixture
def office(config: Config, sink: SinkProcess, tmp_path: Path) -> Office:
    keys = Keys(tmp_path)
    config = replace(config, smtp_url=sink.smtp_url, dkim_key=keys.paths, dkim_selector=keys.selectors)
    return Office.from_config(config, Signer([b"k" * 40]))


def send(db: Database, office: Office, kind: str, language: str, params: Mapping[str, Any]) -> None:
    with db.transaction() as session:
        queue(session, QueuedMail(kind, "reader@readers.example", language, params), now=NOW)
    with office.connection() as connection:
        OutboxSender(db=db, clock=FixedClock(NOW), office=office, connection=connection).run()


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("kind", KINDS)
def test_a_mail_is_well_formed_signed_and_says_who_made_it(
    db: Database, office: Office, sink: SinkProcess, kind: str, language: str
) -> None:
    send(db, office, kind, language, KINDS[kind])

    kept = sink.message()
    parsed = checked(kept.raw)
    assert kept.detail["breaches"] == []
    assert parsed["Auto-Submitted"] == "auto-generated"
    assert (parsed["List-Id"], parsed["Precedence"], parsed["Feedback-ID"]) == (None, None, None)
    assert parsed["Subject"].strip()
    assert f'<html lang="{language}"' in html_of(parsed)
    assert _verifies(kept.raw, office)


@pytest.mark.parametrize("kind", WITH_LINK)
def test_its_link_comes_through_whole_in_both_parts(
    db: Database, office: Office, sink: SinkProcess, kind: str
) -> None:
    send(db, office, kind, "en", KINDS[kind])

    parsed = checked(sink.message().raw)
    assert LINK in text_of(parsed).split()
    assert f'href="{LINK}"' in html_of(parsed)


@pytest.mark.parametrize("kind", KINDS)
def test_its_text_has_no_markup_and_no_gaps(
    db: Database, office: Office, sink: SinkProcess, kind: str
) -> None:
    send(db, office, kind, "en", KINDS[kind])

    text = text_of(checked(sink.message().raw))
    assert "\n\n\n" not in text
    assert not re.search(r"&amp;|&#|&lt;|\{\{|\{%|</a", text)
    assert text == text.strip()


def test_what_people_are_called_is_text_and_never_markup(
    db: Database, office: Office, sink: SinkProcess
) -> None:
    send(db, office, "invitation", "en", KINDS["invitation"])

    parsed = checked(sink.message().raw)
    assert "Olena <b>O'Connor</b> invites" in text_of(parsed)
    assert "Olena &lt;b&gt;O'Connor&lt;/b&gt; invites" in html_of(parsed).replace("&#39;", "'")


def test_a_template_in_a_value_stays_words(db: Database, office: Office, sink: SinkProcess) -> None:
    send(db, office, "invitation", "en", KINDS["invitation"] | {"inviter": "a{{7*7}}{% raw %}\ue00061\ue001"})

    assert "a{{7*7}}{% raw %}61 invites" in text_of(checked(sink.message().raw))


def test_a_list_has_one_line_for_each_newsletter(db: Database, office: Office, sink: SinkProcess) -> None:
    send(db, office, "confirm", "en", KINDS["confirm"] | {"newsletters": ["One", "Two", "Three"]})

    assert "\n\n- One\n- Two\n- Three\n\n" in text_of(checked(sink.message().raw))


def _verifies(raw: bytes, office: Office) -> bool:
    records = {
        f"{key.selector}._domainkey.{key.domain}.": key.dns_record().encode() for key in office.dkim.keys
    }

    def published(name: bytes, timeout: int = 5) -> bytes | None:
        return records.get(name.decode())

    return all(dkim.DKIM(raw).verify(idx=index, dnsfunc=published) for index in range(2))
