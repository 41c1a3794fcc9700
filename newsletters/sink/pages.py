"""The sink's pages. They work without JavaScript; one small module keeps the list live.

What came by mail is shown as text, or as HTML only inside a sandboxed frame of an origin of its own, where no
script runs, no form posts and nothing remote is fetched unless a person asks to see the images.
"""

import re
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from newsletters.sink.api import read_wanted
from newsletters.sink.assets import ICON, SCRIPTS, STYLES
from newsletters.sink.breaches import find_breaches
from newsletters.sink.exchange import Answer, Request
from newsletters.sink.inbox import Inbox
from newsletters.sink.message import read_message, with_inline_images
from newsletters.sink.queries import count_messages, find_messages, find_neighbours, get_message

TEMPLATES = Path(__file__).parent.parent.parent / "templates"
VIEWS = {"html": "HTML", "text": "Text", "headers": "Headers", "source": "Source"}
RETURNED = {
    "0": "The mail door does not answer: is it running?",
    "250": "Sent back: the mail door took it.",
    "451": "The mail door puts it off: its database is away.",
    "550": "The mail door refuses the return path: it is none of its own.",
}
LONGEST_SOURCE_CHARACTERS = 500_000
FOLLOWED_SCHEMES = frozenset({"http", "https", "mailto"})
FRAME_POLICY = (
    "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; "
    "img-src data:{images}; font-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
)
_HEAD = re.compile(r"<head(?:\s[^>]*)?>", re.IGNORECASE)


def show_inbox(inbox: Inbox, request: Request) -> Answer:
    """The list, newest first; 304 when the asker has it already."""
    tag = f'"{inbox.version}"'
    if request.headers.get("if-none-match") == tag:
        return Answer.of(304, b"", "text/html; charset=utf-8", ETag=tag)
    wanted = read_wanted(request)
    with inbox.reading() as connection:
        page, total = find_messages(connection, wanted), count_messages(connection)
    older = _query(q=wanted.anywhere, to=wanted.to, subject=wanted.subject, cursor=page.next_before)
    html = _render(
        "inbox.html",
        page=page,
        total=total,
        wanted=wanted,
        is_narrowed=bool(wanted.anywhere or wanted.to or wanted.subject),
        is_first=wanted.before is None,
        older=older if page.next_before else "",
        rules=inbox.faults.described(),
        smtp=f"{inbox.settings.host}:{inbox.smtp_port}",
    )
    answer = Answer.of_html(html)
    return Answer(answer.status, answer.body, {**answer.headers, "ETag": tag})


def show_message(inbox: Inbox, request: Request, seq: int) -> Answer:
    """One message as HTML, text, headers or source."""
    with inbox.reading() as connection:
        found = get_message(connection, seq)
        newer, older = find_neighbours(connection, seq)
    if found is None:
        return not_found()
    kept, raw = found
    reading = read_message(raw)
    usual = "html" if reading.html else "text"
    view = request.query.get("view", usual)
    html = _render(
        "message.html",
        kept=kept,
        reading=reading,
        view=view if view in VIEWS else usual,
        views=VIEWS,
        shows_images=request.query.get("images") == "show",
        has_remote_images=bool(re.search(r"(?i)<img[^>]+https?:", reading.html)),
        links=[(link, _is_followed(link)) for link in reading.links],
        breaches=find_breaches(raw, mail_options=kept.mail_options, headers=reading.headers),
        source=raw.decode("utf-8", "replace").replace("\r\n", "\n")[:LONGEST_SOURCE_CHARACTERS],
        newer=newer,
        older=older,
        returned=RETURNED.get(request.query.get("returned", "")),
    )
    return Answer.of_html(html)


def show_frame(inbox: Inbox, request: Request, seq: int) -> Answer:
    """The message's HTML for the sandboxed frame; links open in a tab of their own and tell no referrer."""
    with inbox.reading() as connection:
        found = get_message(connection, seq)
    if found is None:
        return not_found()
    html = with_inline_images(read_message(found[1]))
    base = '<base target="_blank">'
    head = _HEAD.search(html)
    framed = html[: head.end()] + base + html[head.end() :] if head else base + html
    images = " http: https:" if request.query.get("images") == "show" else ""
    answer = Answer.of_html(framed)
    policy = {"Content-Security-Policy": FRAME_POLICY.format(images=images), "Referrer-Policy": "no-referrer"}
    return Answer(answer.status, answer.body, {**answer.headers, **policy})


def delete_one(inbox: Inbox, _request: Request, seq: int) -> Answer:
    inbox.delete(seq)
    return Answer.see("/")


def delete_all(inbox: Inbox, _request: Request) -> Answer:
    inbox.delete_all()
    return Answer.see("/")


def not_found() -> Answer:
    return Answer.of_html(_render("missing.html"), status=404)


def _is_followed(link: str) -> bool:
    """Whether the page makes a link of it; javascript: and the like stay text."""
    try:
        return urlsplit(link).scheme.lower() in FOLLOWED_SCHEMES
    except ValueError:
        return False


def _query(**values: object) -> str:
    return urlencode({name: value for name, value in values.items() if value})


def _moment(written: str) -> str:
    """A stored UTC time as this machine's own, which is the reader's: the sink is local."""
    return datetime.fromisoformat(written).astimezone().strftime("%-d %b %Y, %H:%M:%S")


def _size(size: int) -> str:
    return f"{size:,} bytes" if size < 1000 else f"{size / 1000:,.1f} kB"


def _render(name: str, **values: Any) -> str:
    return _TEMPLATES.get_template(f"sink/{name}").render(values)


_TEMPLATES = Environment(
    loader=FileSystemLoader(TEMPLATES),
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
)
_TEMPLATES.filters.update(moment=_moment, size=_size)
_TEMPLATES.globals.update(styles=STYLES, scripts=SCRIPTS, icon=ICON)
