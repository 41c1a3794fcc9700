"""Fields for a provider's eyes: only where that provider sends, and never longer than it takes."""

import json

import pytest

from newsletters.mail.provider_fields import provider_fields
from newsletters.mail.server import SmtpServer

POSTMARK = SmtpServer(host="smtp.postmarkapp.com", port=587)
OTHER = SmtpServer(host="smtp.relay.press", port=587)
NAMED = "<issue.12.345@news.press>"


@pytest.mark.parametrize(
    "servers", [(OTHER,), (), (SmtpServer(host="postmarkapp.com.evil.example", port=25),)]
)
def test_no_other_provider_sees_them(servers: tuple[SmtpServer, ...]) -> None:
    assert provider_fields(servers, NAMED) == ()


def test_postmark_is_told_our_name_for_the_mail() -> None:
    assert dict(provider_fields((OTHER, POSTMARK), NAMED)) == {
        "X-PM-KeepID": "true",
        "X-PM-Metadata-mail": "issue.12.345@news.press",
        "X-PM-TrackOpens": "false",
        "X-PM-TrackLinks": "None",
    }


def test_what_postmark_would_refuse_is_left_out() -> None:
    fields = dict(provider_fields((POSTMARK,), f"<issue.12.345@{'x' * 80}>"))

    assert fields["X-PM-KeepID"] == "true"
    assert "X-PM-Metadata-mail" not in fields


def test_providers_that_would_trace_readers_are_told_not_to() -> None:
    mailgun = SmtpServer(host="smtp.eu.mailgun.org", port=587)
    sendgrid = SmtpServer(host="smtp.sendgrid.net", port=587)

    fields = dict(provider_fields((mailgun, sendgrid), NAMED))

    assert fields["X-Mailgun-Track"] == "no"
    assert {
        name: each["settings"]["enable"] for name, each in json.loads(fields["X-SMTPAPI"])["filters"].items()
    } == {
        "clicktrack": 0,
        "opentrack": 0,
    }
