import json
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from newsletters.sink.exchange import Answer, Request
from newsletters.sink.faultbook import FaultBook
from newsletters.sink.header import read_identity
from newsletters.sink.inbox import Inbox
from newsletters.sink.reception import Connections
from newsletters.sink.settings import SinkSettings
from newsletters.sink.site import Site
from newsletters.sink.store import Received, Store

HOSTILE = (
    b"From: <script>alert(1)</script>\r\nSubject: <img src=x onerror=alert(2)>\r\n"
    b"Content-Type: text/html\r\n\r\n"
    b"<html><head><title>t</title></head><body><script>alert(3)</script>"
    b"<a href='javascript:alert(4)'>x</a><img src='https://tracker.example/p.gif'></body></html>\r\n"
)


@pytest.fixture
def inbox(tmp_path: Path) -> Iterator[Inbox]:
    settings = SinkSettings(directory=tmp_path, http_hosts=frozenset({"mail.test"}))
    with closing(Store(tmp_path / "sink.sqlite3", max_messages=100)) as store:
        book = FaultBook(monotonic=lambda: 0.0, chance=lambda: 0.0)
        yield Inbox(settings=settings, store=store, faults=book, connections=Connections())


def keep(inbox: Inbox, raw: bytes = HOSTILE, recipient: str = "olena@reader.example") -> int:
    kept = Received(
        received_at=datetime(2026, 3, 2, tzinfo=UTC),
        connection=1,
        helo="client.example",
        mail_from="",
        mail_options=(),
        recipients=(recipient,),
        identity=read_identity(raw),
        raw=raw,
    )
    seq = inbox.store.keep(kept)
    inbox.changed()
    return seq


def ask(inbox: Inbox, path: str, method: str = "GET", body: str = "", **headers: str) -> Answer:
    path, _, query = path.partition("?")
    named = {"host": "localhost:8025"} | {name.replace("_", "-"): value for name, value in headers.items()}
    values = dict(pair.split("=", 1) for pair in query.split("&") if pair)
    return Site(inbox).answer(
        Request(method=method, path=path, query=values, headers=named, body=body.encode())
    )


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:8025", "[::1]:8025", "MAIL.test:80"])
def test_our_own_host_names_are_answered(inbox: Inbox, host: str) -> None:
    assert ask(inbox, "/healthz", host=host).status == 200


@pytest.mark.parametrize(
    "host", ["", "evil.example", "localhost.evil.example", "evil.example:8025", "[::1", "192.0.2.7"]
)
def test_a_name_that_was_rebound_to_us_reads_nothing(inbox: Inbox, host: str) -> None:
    keep(inbox)

    answer = ask(inbox, "/api/messages", host=host)

    assert answer.status == 403
    assert b"olena" not in answer.body


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": "http://localhost:9999"},
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
    ],
)
@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("DELETE", "/api/messages"),
        ("POST", "/messages/delete"),
        ("PUT", "/api/faults"),
        ("DELETE", "/api/messages/1"),
    ],
)
def test_another_site_changes_nothing(inbox: Inbox, method: str, path: str, headers: dict[str, str]) -> None:
    keep(inbox)

    answer = ask(inbox, path, body="[]", method=method, **headers)

    assert answer.status == 403
    assert len(json.loads(ask(inbox, "/api/messages").body)["messages"]) == 1


@pytest.mark.parametrize(
    "headers", [{}, {"origin": "http://localhost:8025", "sec_fetch_site": "same-origin"}]
)
def test_a_program_and_our_own_page_may_delete(inbox: Inbox, headers: dict[str, str]) -> None:
    keep(inbox)

    answer = ask(inbox, "/api/messages", method="DELETE", **headers)

    assert json.loads(answer.body) == {"deleted": 1}


@pytest.mark.parametrize("path", ["/", "/messages/1", "/messages/1?view=headers", "/messages/1?view=source"])
def test_what_came_by_mail_is_never_markup_on_our_pages(inbox: Inbox, path: str) -> None:
    keep(inbox)

    answer = ask(inbox, path)

    assert answer.status == 200
    assert b"<script>alert" not in answer.body
    assert b"<img src=x" not in answer.body
    assert b'href="javascript:' not in answer.body
    assert "unsafe-inline" not in answer.headers["Content-Security-Policy"]
    assert b"<style" not in answer.body
    assert b"style=" not in answer.body


def test_the_frame_is_sandboxed_and_fetches_nothing(inbox: Inbox) -> None:
    keep(inbox)

    answer = ask(inbox, "/messages/1/frame")

    policy = answer.headers["Content-Security-Policy"]
    assert policy.startswith("sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'; ")
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy
    assert "img-src data:; " in policy
    assert answer.headers["Referrer-Policy"] == "no-referrer"
    assert b'<head><base target="_blank"><title>' in answer.body


def test_remote_images_are_shown_only_when_asked_for(inbox: Inbox) -> None:
    keep(inbox)

    policy = ask(inbox, "/messages/1/frame?images=show").headers["Content-Security-Policy"]

    assert "img-src data: http: https:; " in policy
    assert b"?images=show" not in ask(inbox, "/messages/1").body.partition(b"<iframe")[2].partition(b">")[0]
    assert b"/messages/1/frame?images=show" in ask(inbox, "/messages/1?images=show").body


def test_an_unchanged_list_is_not_sent_again(inbox: Inbox) -> None:
    keep(inbox)
    tag = ask(inbox, "/").headers["ETag"]

    unchanged = ask(inbox, "/", if_none_match=tag)
    keep(inbox)
    changed = ask(inbox, "/", if_none_match=tag)

    assert (unchanged.status, unchanged.body) == (304, b"")
    assert changed.status == 200


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/nothing", 404),
        ("/messages/1", 404),
        ("/messages/0", 404),
        ("/messages/99999999999999999999", 404),
        ("/messages/1/frame", 404),
        ("/api/messages/1", 404),
        ("/api/messages/1/raw", 404),
        ("/static/css/sink.css", 200),
        ("/static/css/desk.css", 404),
        ("/static/../sink/store.py", 404),
        ("/api/messages?limit=0", 400),
        ("/api/messages?limit=501", 400),
        ("/api/messages?cursor=x", 400),
        ("/api/messages?cursor=99999999999999999999", 400),
        ("/?cursor=x", 400),
    ],
)
def test_what_is_not_there_or_makes_no_sense_says_so(inbox: Inbox, path: str, status: int) -> None:
    assert ask(inbox, path).status == status


def test_a_wrong_method_is_told_the_right_ones(inbox: Inbox) -> None:
    answer = ask(inbox, "/api/messages", method="POST")

    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, DELETE"


def test_one_message_can_be_deleted(inbox: Inbox) -> None:
    keep(inbox)
    keep(inbox)

    assert ask(inbox, "/api/messages/1", method="DELETE").status == 200
    assert ask(inbox, "/api/messages/1", method="DELETE").status == 404
    assert ask(inbox, "/messages/2/delete", method="POST").headers["Location"] == "/"
    assert json.loads(ask(inbox, "/api/messages").body)["messages"] == []


def test_bad_fault_rules_leave_the_old_ones_in_force(inbox: Inbox) -> None:
    ask(inbox, "/api/faults", method="PUT", body='[{"fault": "451"}]')

    answer = ask(inbox, "/api/faults", method="PUT", body='[{"fault": "nonsense"}]')

    assert answer.status == 400
    assert json.loads(ask(inbox, "/api/faults").body)["rules"][0]["fault"] == "451"


def test_the_raw_message_is_served_byte_for_byte(inbox: Inbox) -> None:
    raw = b"Subject: x\r\n\r\n\xff\xfe\x00\r\n"
    keep(inbox, raw)

    assert ask(inbox, "/api/messages/1/raw").body == raw
    assert json.loads(ask(inbox, "/api/messages/1").body)["raw"] == raw.decode("utf-8", "replace")
