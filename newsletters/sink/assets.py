"""The style sheets and scripts of the sink's pages, from newsletters/static. Nothing else is served."""

from pathlib import Path

from newsletters.sink.exchange import Answer, Request
from newsletters.sink.inbox import Inbox

STATIC = Path(__file__).parent.parent / "static"
STYLES = (
    "css/reset.css",
    "css/tokens.css",
    "css/base.css",
    "css/forms.css",
    "css/components.css",
    "css/sink.css",
)
SCRIPTS = ("js/sink-live.js",)
ICON = "favicon.svg"
SERVED = frozenset((*STYLES, *SCRIPTS, ICON))
CONTENT_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}


def show_asset(_inbox: Inbox, _request: Request, name: str) -> Answer:
    path = STATIC / name
    if name not in SERVED or not path.is_file():
        return Answer.of_text(404, "There is no such file.")
    return Answer.of(200, path.read_bytes(), CONTENT_TYPES[path.suffix])
