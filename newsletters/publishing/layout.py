"""An issue as a mail: its newsletter's head, the text, and a foot that always has the way out.

What the desk previews, what colleagues get as a test and what readers get is made here alone. The
unsubscribe link is part of the layout, not of the text, so no issue can be without one (RFC 8058, and
the visible link that mail providers ask for). The mail's own words are in the newsletter's language.
"""

import re
from collections.abc import Mapping
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from markupsafe import Markup
from sqlalchemy.orm import Session

from newsletters.kernel.i18n import supported
from newsletters.kernel.urls import Urls
from newsletters.mail.compile import CompiledMessage, MessageSpec, compile_message
from newsletters.mail.headers import feedback_id, list_id, list_unsubscribe
from newsletters.mail.slots import slot, strip_markers
from newsletters.publishing.content import Media, to_html
from newsletters.publishing.models import Issue, Newsletter, Picture
from newsletters.publishing.neutral import neutral_sender, neutral_subject
from newsletters.publishing.palette import accent
from newsletters.publishing.pictures import media
from newsletters.publishing.plaintext import to_text
from newsletters.publishing.wording import default_words, with_slots

SLOTS: Final = ("name", "email", "unsubscribe_url", "unsubscribe_mailto")
LOGO_WIDTH: Final = 240


class Templates(Protocol):
    """What lays a page out: ``newsletters.mail.render.MailTemplates``."""

    def render_page(self, name: str, *, language: str, params: Mapping[str, Any]) -> str: ...


def compile_issue(
    session: Session, issue: Issue, *, urls: Urls, templates: Templates, line: int | None = None
) -> CompiledMessage:
    """The issue's message, encoded once for all its readers; render it with a value for each of ``SLOTS``.

    ``line`` gives the block on that line of the Markdown an id, for the desk's preview alone.
    """
    spec = issue_spec(session, issue, urls=urls, templates=templates, line=line)
    return compile_message(spec)


def issue_spec(
    session: Session, issue: Issue, *, urls: Urls, templates: Templates, line: int | None = None
) -> MessageSpec:
    """What the issue's message says, with slots where readers differ."""
    newsletter = session.get_one(Newsletter, issue.newsletter_id)
    pictures = media(session, [issue.body, newsletter.footer], base=urls.base)
    params = _params(issue, newsletter, urls=urls, pictures=pictures)
    if line:
        body = with_slots(issue.body, newsletter).text
        params["body_html"] = Markup(to_html(body, pictures, line=line))  # noqa: S704
    params |= _logo(session, newsletter, urls)
    language = supported(newsletter.language)
    is_hidden = newsletter.hides_issues
    return MessageSpec(
        subject=neutral_subject(newsletter, language) if is_hidden else params["subject"],
        from_name=neutral_sender(newsletter, language) if is_hidden else newsletter.sender_name,
        from_email=newsletter.sender_email,
        reply_to=newsletter.reply_to,
        html=templates.render_page("issue/body.html", language=language, params=params),
        text=templates.render_page("issue/body.txt", language=language, params=params),
        headers=_headers(issue, newsletter, urls),
    )


def _params(issue: Issue, newsletter: Newsletter, *, urls: Urls, pictures: Media) -> dict[str, Any]:
    body = with_slots(issue.body, newsletter).text
    footer = strip_markers(newsletter.footer)
    shade = accent(newsletter.accent)
    return {
        "subject": with_slots(issue.subject, newsletter).text,
        "preheader": "" if newsletter.hides_issues else with_slots(issue.preheader, newsletter).text,
        "body_html": Markup(to_html(body, pictures)),  # noqa: S704  (sanitised there)
        "body_text": to_text(body, base=urls.base, language=newsletter.language),
        "footer_html": Markup(to_html(footer, pictures)),  # noqa: S704
        "footer_text": to_text(footer, base=urls.base, language=newsletter.language),
        "newsletter": newsletter,
        "email": slot("email", default_words(newsletter)["email"]),
        "unsubscribe_url": slot("unsubscribe_url"),
        "preferences_url": urls.preferences_request(),  # a forwarded mail opens nobody's preferences
        "genuine_url": urls.genuine(),
        "browser_url": urls.issue(newsletter.slug, issue.slug),
        "accent": shade.light,
        "accent_dark": shade.dark,
        "brand": newsletter.name,
        "brand_url": urls.newsletter(newsletter.slug),
    }


def _logo(session: Session, newsletter: Newsletter, urls: Urls) -> dict[str, Any]:
    logo = session.get(Picture, newsletter.logo_id) if newsletter.logo_id else None
    if logo is None:
        return {}
    width = min(LOGO_WIDTH, max(1, logo.width // 2))
    return {
        "logo_url": urls.media(logo.name),
        "logo_width": width,
        "logo_height": max(1, round(logo.height * width / logo.width)),
        "logo_alt": newsletter.name,
    }


def _headers(issue: Issue, newsletter: Newsletter, urls: Urls) -> tuple[tuple[str, str], ...]:
    host = urlsplit(urls.base).hostname or "localhost"
    named = "" if newsletter.hides_issues else newsletter.name
    return (
        ("List-Id", list_id(named, f"newsletter-{newsletter.id}.{host}")),
        *list_unsubscribe(slot("unsubscribe_url"), slot("unsubscribe_mailto")),
        (
            "Feedback-ID",
            feedback_id(f"issue-{issue.id}", f"newsletter-{newsletter.id}", "issue", sender_id(host)),
        ),
        ("Precedence", "bulk"),
    )


def sender_id(host: str) -> str:
    """The SenderId of Google's Feedback-ID: 5 to 15 letters and digits, the same for all that we send."""
    return re.sub(r"[^a-z0-9]", "", host.lower())[:15].ljust(5, "0")
