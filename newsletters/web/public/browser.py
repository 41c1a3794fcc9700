"""The cookie of the browser that signed up: it lets the link in the mail confirm with that one click.

It holds signed numbers of sign-ups, nothing of the address, lives for a day and never leaves our own pages.
"""

from flask import request
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.subscribers import browser

LIFETIME_SECONDS = int(browser.BROWSER_LIFETIME.total_seconds())


def requests_here() -> tuple[int, ...]:
    """The sign-ups that were made in this browser."""
    return browser.remembered(context.runtime(), request.cookies.get(_name()), now=context.now())


def remember(response: Response, request_id: int) -> None:
    """Note one more sign-up in this browser."""
    value = browser.remember(context.runtime(), request.cookies.get(_name()), request_id, now=context.now())
    response.set_cookie(
        _name(),
        value,
        max_age=LIFETIME_SECONDS,
        secure=context.runtime().config.is_https,
        httponly=True,
        samesite="Lax",
    )


def _name() -> str:
    return "__Host-signup" if context.runtime().config.is_https else "signup"
