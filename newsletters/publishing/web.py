"""An issue as the web shows it: for everybody, so without a reader's name, address or token."""

from markupsafe import Markup
from sqlalchemy.orm import Session

from newsletters.kernel.urls import Urls
from newsletters.mail.slots import fill_html
from newsletters.publishing.content import to_html
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.pictures import media
from newsletters.publishing.wording import with_slots, without_reader


def issue_html(
    session: Session, issue: Issue, newsletter: Newsletter, *, urls: Urls, absolute: bool = False
) -> Markup:
    """The body as sanitised HTML; with ``absolute`` its pictures work outside our pages, as in a feed."""
    pictures = media(session, [issue.body], base=urls.base if absolute else "")
    html = to_html(with_slots(issue.body, newsletter).text, pictures)
    return Markup(fill_html(html, {}))  # noqa: S704  (to_html ends in the sanitiser; values are escaped)


def issue_subject(issue: Issue, newsletter: Newsletter) -> str:
    """The subject as a headline."""
    return without_reader(issue.subject, newsletter)


def issue_preheader(issue: Issue, newsletter: Newsletter) -> str:
    """The preheader as a line below the headline."""
    return without_reader(issue.preheader, newsletter)
