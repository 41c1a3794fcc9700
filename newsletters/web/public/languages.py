"""The language of a reader's page: chosen on the page, else its newsletter's or reader's, else the browser's.

``?lang=uk`` chooses and is remembered in a cookie that holds nothing but the language. The embedded forms
are another door and never set it.
"""

from typing import TypedDict
from urllib.parse import urlencode

from flask import Response, g, request
from flask_babel import get_locale, refresh

from newsletters import context
from newsletters.kernel.i18n import LANGUAGES, NAMES
from newsletters.web.public.door import blueprint

COOKIE = "language"
REMEMBERED_SECONDS = 365 * 24 * 3600


class Language(TypedDict):
    """One entry of the page's language switch."""

    code: str
    name: str
    url: str
    current: bool


@blueprint.before_request
def choose() -> None:
    """Take the reader's own choice, if there is one."""
    chosen = chosen_here()
    g.language_chosen = chosen is not None
    if chosen:
        g.language = chosen


def chosen_here() -> str | None:
    """What this browser's reader chose, now or before; also for an address that no page of ours has."""
    asked = request.args.get("lang") or request.cookies.get(_cookie())
    return asked if asked in LANGUAGES else None


def prefer(language: str) -> None:
    """Speak the language of the page's newsletter or reader, unless the reader chose another."""
    if not g.language_chosen and language in LANGUAGES:
        g.language = language
        refresh()  # forms ask for the locale when they are made


@blueprint.after_request
def remember(response: Response) -> Response:
    """Keep a choice that was just made."""
    asked = request.args.get("lang")
    if g.get("forget_language"):
        response.delete_cookie(_cookie(), secure=context.runtime().config.is_https)
    elif asked in LANGUAGES:
        response.set_cookie(
            _cookie(),
            asked,
            max_age=REMEMBERED_SECONDS,
            secure=context.runtime().config.is_https,
            httponly=True,
            samesite="Lax",
        )
    return response


def _cookie() -> str:
    """Over HTTPS no other host can plant it (RFC 6265bis, section 4.1.3.2)."""
    return f"__Host-{COOKIE}" if context.runtime().config.is_https else COOKIE


def forget_choice() -> None:
    """Let the language a reader has just set for good win over what was chosen on a page."""
    g.forget_language = True


@blueprint.context_processor
def switch() -> dict[str, list[Language]]:
    """The page's language switch; an answer to a POST has no address of its own to lead back to."""
    rule = request.url_rule
    if rule is None or "GET" not in (rule.methods or ()):
        return {}
    current = str(get_locale())
    return {"languages": [_language(code, current) for code in LANGUAGES]}


def _language(code: str, current: str) -> Language:
    query = urlencode({**request.args.to_dict(), "lang": code})
    return Language(code=code, name=NAMES[code], url=f"{request.path}?{query}", current=code == current)
