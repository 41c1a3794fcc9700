"""A newsletter's Atom feed (RFC 4287): whole issues, absolute addresses, nothing personal.

Entry ids are the issues' addresses, which never change. Characters that XML 1.0 forbids are taken out
before the tree is written, so that one stray control character cannot break a reader's whole feed.
"""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final
from xml.etree import ElementTree

from flask import Response, abort, request
from sqlalchemy.orm import Session

from newsletters import context
from newsletters.kernel.urls import Urls
from newsletters.publishing.archive import feed_issues, newsletter_by_slug, public_at
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.web import issue_html, issue_preheader, issue_subject
from newsletters.web.public.door import blueprint

ATOM: Final = "http://www.w3.org/2005/Atom"
XML_LANG: Final = "{http://www.w3.org/XML/1998/namespace}lang"
FRESH_SECONDS: Final = 600
_FORBIDDEN = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")

ElementTree.register_namespace("", ATOM)


@blueprint.get("/newsletters/<slug>/feed.atom")
def feed(slug: str) -> Response:
    """Answer with the newest issues; an unchanged feed is answered with 304."""
    with context.reading() as db:
        newsletter = newsletter_by_slug(db, slug) or abort(404)
        issues = feed_issues(db, newsletter.id)
        document = _document(db, newsletter, issues)
    response = Response(document, content_type="application/atom+xml; charset=utf-8")
    response.last_modified = _updated(newsletter, issues)
    response.headers["Cache-Control"] = f"public, max-age={FRESH_SECONDS}"
    response.headers["Access-Control-Allow-Origin"] = "*"
    response.add_etag()
    return response.make_conditional(request)  # type: ignore[return-value]


def _document(db: Session, newsletter: Newsletter, issues: Sequence[Issue]) -> bytes:
    urls = context.runtime().urls
    root = ElementTree.Element(f"{{{ATOM}}}feed", {XML_LANG: newsletter.language})
    _text(root, "id", urls.newsletter(newsletter.slug))
    _text(root, "title", newsletter.name)
    if newsletter.tagline:
        _text(root, "subtitle", newsletter.tagline)
    _text(root, "updated", _updated(newsletter, issues).isoformat())
    _link(root, "self", urls.feed(newsletter.slug), "application/atom+xml")
    _link(root, "alternate", urls.newsletter(newsletter.slug), "text/html")
    _author(root, newsletter)
    for issue in issues:
        _entry(root, db, newsletter, issue, urls=urls)
    return bytes(ElementTree.tostring(root, encoding="utf-8", xml_declaration=True))


def _entry(
    root: ElementTree.Element, db: Session, newsletter: Newsletter, issue: Issue, *, urls: Urls
) -> None:
    entry = ElementTree.SubElement(root, f"{{{ATOM}}}entry")
    address = urls.issue(newsletter.slug, issue.slug)
    published = public_at(issue).isoformat()
    _text(entry, "id", address)
    _text(entry, "title", issue_subject(issue, newsletter))
    _link(entry, "alternate", address, "text/html")
    _text(entry, "published", published)
    _text(entry, "updated", published)
    if issue.preheader:
        _text(entry, "summary", issue_preheader(issue, newsletter))
    body = issue_html(db, issue, newsletter, urls=urls, absolute=True)
    _text(entry, "content", str(body), type="html")


def _author(root: ElementTree.Element, newsletter: Newsletter) -> None:
    author = ElementTree.SubElement(root, f"{{{ATOM}}}author")
    _text(author, "name", newsletter.byline or newsletter.sender_name)


def _text(parent: ElementTree.Element, name: str, text: str, **attributes: str) -> None:
    element = ElementTree.SubElement(parent, f"{{{ATOM}}}{name}", attributes)
    element.text = _FORBIDDEN.sub("", text)


def _link(parent: ElementTree.Element, rel: str, href: str, kind: str) -> None:
    ElementTree.SubElement(parent, f"{{{ATOM}}}link", {"rel": rel, "href": href, "type": kind})


def _updated(newsletter: Newsletter, issues: Sequence[Issue]) -> datetime:
    return public_at(issues[0]) if issues else newsletter.created_at
