"""The sink as JSON, for tests and drills. docs/sink.md describes every answer."""

from typing import Any

from newsletters.sink.breaches import find_breaches
from newsletters.sink.exchange import Answer, Request
from newsletters.sink.faultbook import BadRules, parse_rules
from newsletters.sink.inbox import Inbox
from newsletters.sink.message import read_message
from newsletters.sink.queries import (
    LONGEST_PAGE,
    Kept,
    Wanted,
    count_everything,
    count_messages,
    find_messages,
    get_message,
)

USUAL_PAGE = 50
LARGEST_SEQUENCE = 2**63 - 1


class BadRequest(ValueError):
    """What was asked makes no sense; the message says why."""


def list_messages(inbox: Inbox, request: Request) -> Answer:
    wanted = read_wanted(request)
    with inbox.reading() as connection:
        page = find_messages(connection, wanted)
    cursor = None if page.next_before is None else str(page.next_before)
    return Answer.of_json({"messages": [_summary(kept) for kept in page.messages], "next_cursor": cursor})


def show_message(inbox: Inbox, _request: Request, seq: int) -> Answer:
    with inbox.reading() as connection:
        found = get_message(connection, seq)
    if found is None:
        return not_found()
    return Answer.of_json(_detail(*found))


def show_raw(inbox: Inbox, _request: Request, seq: int) -> Answer:
    with inbox.reading() as connection:
        found = get_message(connection, seq)
    if found is None:
        return not_found()
    disposition = f'attachment; filename="message-{seq}.eml"'
    return Answer.of(200, found[1], "message/rfc822", Content_Disposition=disposition)


def delete_messages(inbox: Inbox, _request: Request) -> Answer:
    return Answer.of_json({"deleted": inbox.delete_all()})


def delete_one(inbox: Inbox, _request: Request, seq: int) -> Answer:
    return Answer.of_json({"deleted": 1}) if inbox.delete(seq) else not_found()


def show_stats(inbox: Inbox, _request: Request) -> Answer:
    with inbox.reading() as connection:
        counts = count_everything(connection)
    return Answer.of_json({**counts, "connections": inbox.connections.described()})


def show_faults(inbox: Inbox, _request: Request) -> Answer:
    return Answer.of_json({"rules": inbox.faults.described()})


def put_faults(inbox: Inbox, request: Request) -> Answer:
    try:
        rules = parse_rules(request.body)
    except BadRules as error:
        return Answer.of_json({"error": str(error)}, status=400)
    inbox.set_faults(rules)
    return show_faults(inbox, request)


def healthz(inbox: Inbox, _request: Request) -> Answer:
    with inbox.reading() as connection:
        kept = count_messages(connection)
    return Answer.of_json({"status": "ok", "kept": kept, "is_refusing": inbox.faults.is_refusing})


def not_found() -> Answer:
    return Answer.of_json({"error": "There is no such message."}, status=404)


def read_wanted(request: Request) -> Wanted:
    """The conditions in a query string. Raises BadRequest."""
    query = request.query
    cursor = query.get("cursor") or ""
    return Wanted(
        to=query.get("to", "").strip(),
        subject=query.get("subject", "").strip(),
        anywhere=query.get("q", "").strip(),
        before=_number("cursor", cursor, high=LARGEST_SEQUENCE) if cursor else None,
        limit=_number("limit", query.get("limit") or str(USUAL_PAGE), high=LONGEST_PAGE),
    )


def _number(name: str, written: str, *, high: int) -> int:
    if not (written.isascii() and written.isdigit() and len(written) < 20 and 1 <= int(written) <= high):
        raise BadRequest(f"{name} must be a whole number from 1 to {high}")
    return int(written)


def _summary(kept: Kept) -> dict[str, Any]:
    return {
        "id": str(kept.seq),
        "received_at": kept.received_at,
        "mail_from": kept.mail_from,
        "recipients": list(kept.recipients),
        "from": kept.sender,
        "subject": kept.subject,
        "message_id": kept.message_id,
        "size": kept.size,
        "connection": kept.connection,
    }


def _detail(kept: Kept, raw: bytes) -> dict[str, Any]:
    reading = read_message(raw)
    return {
        **_summary(kept),
        "envelope": {
            "mail_from": kept.mail_from,
            "rcpt_tos": list(kept.recipients),
            "mail_options": list(kept.mail_options),
            "helo": kept.helo,
            "received_at": kept.received_at,
            "connection": kept.connection,
            "sequence": kept.seq,
        },
        "headers": [list(field) for field in reading.headers],
        "text": reading.text,
        "html": reading.html,
        "links": reading.links,
        "attachments": [
            {"name": each.name, "content_type": each.content_type, "size": each.size}
            for each in reading.attachments
        ],
        "breaches": find_breaches(raw, mail_options=kept.mail_options, headers=reading.headers),
        "raw": raw.decode("utf-8", "replace"),
    }
