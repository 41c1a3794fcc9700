"""Where on the web an embedded form stands, as far as the reader's browser vouches for it."""

from urllib.parse import urlsplit

from flask import request

from newsletters import context


def article_address(claimed: str) -> str:
    """The page the form stands on, if it is of the origin that posts; else that origin, or nothing.

    A page of ours repeats what was found out about the form before it, so its word holds.
    """
    referrer = request.referrer or ""
    origin = request.headers.get("Origin") or origin_of(referrer)
    if origin == origin_of(context.runtime().urls.base) and (not claimed or origin_of(claimed)):
        return claimed.partition("#")[0]
    if not origin_of(origin):
        return ""
    for address in (claimed, referrer):
        if origin_of(address) == origin:
            return address.partition("#")[0]
    return f"{origin}/" if origin_of(origin) == origin else ""


def origin_of(address: str) -> str:
    """The origin of an address on the web; empty where it is none."""
    try:
        parts = urlsplit(address)
    except ValueError:
        return ""
    return f"{parts.scheme}://{parts.netloc}" if parts.scheme in ("http", "https") and parts.netloc else ""
