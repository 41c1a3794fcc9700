"""Pages for machines: what a crawler may read, where to report a hole, and the link only scanners follow."""

from datetime import timedelta

from flask import Response

from newsletters import context
from newsletters.kernel.urls import Urls
from newsletters.subscribers import confirm
from newsletters.web.public.door import blueprint

NOT_FOR_CRAWLERS = (
    "/c/",
    "/change-address/",
    "/confirm/",
    "/desk",
    "/embed/",
    "/preferences",
    "/subscribed",
    "/unsubscribe/",
    "/welcome/",
)
SECURITY_PAGE_LIFE = timedelta(days=180)  # RFC 9116 section 2.5.5 advises less than a year


@blueprint.get("/c/<token>")
def canary(token: str) -> Response:
    """Note that a machine follows every link of a mail. No person sees this link; the answer says nothing."""
    runtime = context.runtime()
    with context.transaction() as db:
        confirm.note_scanner(db, token, means=runtime, client=context.client_address(), now=context.now())
    return Response(status=204)


@blueprint.get("/robots.txt")
def robots() -> Response:
    """Keep crawlers off whatever belongs to one reader or to the editors."""
    lines = ["User-agent: *", *(f"Disallow: {path}" for path in NOT_FOR_CRAWLERS)]
    return _plain(lines)


@blueprint.get("/.well-known/security.txt")
def security() -> Response:
    """Say where to report a hole (RFC 9116)."""
    runtime = context.runtime()
    expires = (context.now() + SECURITY_PAGE_LIFE).replace(microsecond=0)
    lines = [
        f"Contact: mailto:{runtime.config.mail_from}",
        f"Expires: {expires.isoformat().replace('+00:00', 'Z')}",
        "Preferred-Languages: en, uk",
        f"Canonical: {_security_page(runtime.urls)}",
    ]
    return _plain(lines)


def _security_page(urls: Urls) -> str:
    return f"{urls.base}/.well-known/security.txt"


def _plain(lines: list[str]) -> Response:
    return Response("\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")
