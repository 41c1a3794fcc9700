"""Who may ask. A web page elsewhere must neither read the mail nor change anything.

Reading is kept from it by the Host header, which must be ours even when a hostile name was rebound to
127.0.0.1; changing by Origin and Sec-Fetch-Site, which a browser sends truthfully and a program leaves out.
"""

from urllib.parse import urlsplit

from newsletters.sink.exchange import Answer, Request
from newsletters.sink.settings import SinkSettings, is_loopback

READING = frozenset({"GET", "HEAD"})
OWN_SITES = frozenset({"same-origin", "none"})  # none: typed by a person


def refusal(request: Request, settings: SinkSettings) -> Answer | None:
    """The answer to a request that is not let in, or None."""
    host = request.headers.get("host", "")
    if not _is_ours(host, settings):
        return Answer.of_text(403, "This host name is not the sink's; SINK_HTTP_HOSTS can add it.")
    if request.method not in READING and _is_from_elsewhere(request, host):
        return Answer.of_text(403, "A change must come from the sink's own page or from a program.")
    return None


def _is_ours(host: str, settings: SinkSettings) -> bool:
    try:
        name = urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return False
    return is_loopback(name) or name == settings.host.strip("[]").lower() or name in settings.http_hosts


def _is_from_elsewhere(request: Request, host: str) -> bool:
    origin = request.headers.get("origin")
    if origin is not None and origin.lower() != f"http://{host}".lower():
        return True
    return request.headers.get("sec-fetch-site", "none") not in OWN_SITES
