"""Fields for a provider's eyes: only where that provider sends, and never longer than it takes."""

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
    }


def test_what_postmark_would_refuse_is_left_out() -> None:
    assert provider_fields((POSTMARK,), f"<issue.12.345@{'x' * 80}>") == (("X-PM-KeepID", "true"),)
