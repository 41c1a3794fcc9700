"""Amazon SES over SNS: Amazon signs for every account, so the topic, the place of the certificate and the
signature must all be right; certificates are fetched from one host alone, over real TLS.
"""

import base64
import json
import ssl
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from config import Config
from newsletters.api import webhooks
from newsletters.api.amazon import MOST_FETCHES_A_MINUTE, Amazon
from newsletters.api.pinned import LARGEST_FILE_BYTES, FetchFailed, PinnedFetch
from newsletters.bounces.models import Bounce, Complaint
from newsletters.bounces.providers.report import NotGenuine
from newsletters.bounces.providers.sns import is_certificate_url, is_subscribe_url, read_message, verify
from newsletters.bounces.quarantined import QuarantinedMail
from newsletters.kernel.db import Database
from newsletters.mail.verp import ReturnPaths
from newsletters.publishing.linkprobe import is_public
from newsletters.runtime import Runtime
from newsletters.subscribers.models import Subscriber
from newsletters.subscribers.suppression_models import SuppressionReason
from tests import providers
from tests.certificates import found_authority
from tests.conftest import NOW
from tests.factories import make_subscriber
from tests.providers import CERTIFICATE_URL, FOREIGN_TOPIC, SNS_HOST, TOPIC, Sns
from tests.returning import count_of, mailed, suppressed

SNS = Sns()


class Shelf:
    """Files by their address, in place of the web; counts what was fetched."""

    def __init__(self, files: dict[str, bytes]) -> None:
        self.files = files
        self.fetched: list[str] = []

    def __call__(self, url: str) -> bytes:
        self.fetched.append(url)
        if url not in self.files:
            raise FetchFailed("status 404")
        return self.files[url]


@pytest.fixture
def config(config: Config) -> Config:
    return replace(config, webhook_ses_topics=(TOPIC,))


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    subscribe = f"https://{SNS_HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t"
    shelf = Shelf({CERTIFICATE_URL: SNS.certificate, subscribe: b"<ok/>"})
    monkeypatch.setattr(webhooks, "amazon", Amazon(shelf))
    return shelf


@pytest.fixture
def reader(db: Database) -> Subscriber:
    with db.transaction() as session:
        reader = make_subscriber(session, "reader@readers.example")
        mailed(session, reader)
    return reader


def post(client: FlaskClient, body: bytes) -> int:
    return client.post("/webhooks/ses", data=body, content_type="text/plain; charset=UTF-8").status_code


@pytest.mark.parametrize(
    ("event", "reason"),
    [
        (providers.ses_bounce("reader@readers.example"), SuppressionReason.HARD_BOUNCE),
        (providers.ses_complaint("reader@readers.example"), SuppressionReason.COMPLAINT),
    ],
)
def test_a_notification_of_our_topic_acts(
    event: dict[str, Any],
    reason: SuppressionReason,
    client: FlaskClient,
    db: Database,
    reader: Subscriber,
    shelf: Shelf,
) -> None:
    status = post(client, SNS.notification(event))

    assert status == 200
    assert suppressed(db, reader) is reason


def test_our_return_path_says_which_mail_is_meant(
    client: FlaskClient, db: Database, runtime: Runtime, reader: Subscriber, shelf: Shelf
) -> None:
    path = ReturnPaths(runtime.signer, "newsroom.example").for_mail(1)

    post(client, SNS.notification(providers.ses_complaint("redacted@example.net", source=path)))

    assert suppressed(db, reader) is SuppressionReason.COMPLAINT


def _changed(body: bytes, **fields: Any) -> bytes:
    return json.dumps({**json.loads(body), **fields}).encode()


BOUNCE = providers.ses_bounce("reader@readers.example")
GENUINE = SNS.notification(BOUNCE)
FORGERIES = {
    "another message": _changed(
        GENUINE, Message=json.dumps(providers.ses_complaint("reader@readers.example"))
    ),
    "another id": _changed(GENUINE, MessageId="another"),
    "another time": _changed(GENUINE, Timestamp="2026-03-02T09:01:00.000Z"),
    "a foreign topic": SNS.notification(BOUNCE, TopicArn=FOREIGN_TOPIC),
    "our topic over a foreign signature": _changed(
        SNS.notification(BOUNCE, TopicArn=FOREIGN_TOPIC), TopicArn=TOPIC
    ),
    "an old signature version": SNS.notification(BOUNCE, SignatureVersion="1"),
    "no signature version": _changed(GENUINE, SignatureVersion=None),
    "a signature version in disguise": _changed(
        SNS.notification(BOUNCE, SignatureVersion="1"), SignatureVersion="2"
    ),
    "another key": Sns().notification(BOUNCE),
    "no signature": _changed(GENUINE, Signature=""),
    "a broken signature": _changed(GENUINE, Signature="!"),
    "another kind": _changed(GENUINE, Type="SubscriptionConfirmation"),
    "an unknown kind": _changed(GENUINE, Type="Whatever"),
    "a subject added": _changed(GENUINE, Subject="new"),
    "no object": b"[1]",
    "no JSON": b"\xff{",
    "nothing": b"",
    "deep nesting": b"[" * 100_000,
    "lone surrogates": _changed(GENUINE, Message="\ud800"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_a_forged_message_changes_nothing(
    name: str, client: FlaskClient, db: Database, reader: Subscriber, shelf: Shelf
) -> None:
    status = post(client, FORGERIES[name])

    assert status == 401
    assert suppressed(db, reader) is None
    assert count_of(db, QuarantinedMail) == 0


@pytest.mark.parametrize(
    "url",
    [
        CERTIFICATE_URL.replace("https", "http"),
        CERTIFICATE_URL.replace(SNS_HOST, "sns.us-east-1.amazonaws.com"),
        CERTIFICATE_URL.replace(SNS_HOST, "evil.example"),
        CERTIFICATE_URL.replace(SNS_HOST, f"{SNS_HOST}.evil.example"),
        CERTIFICATE_URL.replace(SNS_HOST, f"evil.example/{SNS_HOST}"),
        CERTIFICATE_URL.replace(SNS_HOST, f"user@{SNS_HOST}"),
        CERTIFICATE_URL.replace(SNS_HOST, f"{SNS_HOST}@evil.example"),
        CERTIFICATE_URL.replace(SNS_HOST, f"{SNS_HOST}:8443"),
        CERTIFICATE_URL.replace(SNS_HOST, SNS_HOST.upper()),
        CERTIFICATE_URL.replace(SNS_HOST, f"{SNS_HOST}\\@evil.example"),
        CERTIFICATE_URL.replace(SNS_HOST, "s3.amazonaws.com"),
        CERTIFICATE_URL.replace(SNS_HOST, "127.0.0.1"),
        f"https://{SNS_HOST}/my-own.pem",
        f"https://{SNS_HOST}/../SimpleNotificationService-0123456789abcdef.pem",
        f"{CERTIFICATE_URL}\n",
        f"{CERTIFICATE_URL}#x",
        "",
        "file:///etc/passwd",
    ],
)
def test_a_certificate_from_elsewhere_is_not_even_fetched(
    url: str, client: FlaskClient, db: Database, reader: Subscriber, shelf: Shelf
) -> None:
    shelf.files[url] = SNS.certificate

    status = post(client, SNS.notification(BOUNCE, SigningCertURL=url))

    assert (status, shelf.fetched) == (401, [])
    assert not is_certificate_url(url, host=SNS_HOST)


def test_a_certificate_is_fetched_once(client: FlaskClient, reader: Subscriber, shelf: Shelf) -> None:
    for number in range(3):
        post(client, SNS.notification(BOUNCE, MessageId=str(number)))

    assert shelf.fetched == [CERTIFICATE_URL]


@pytest.mark.parametrize("broken", [b"", b"no certificate", b"-----BEGIN CERTIFICATE-----\nAAAA\n"])
def test_what_is_no_certificate_verifies_nothing(
    broken: bytes, client: FlaskClient, reader: Subscriber, shelf: Shelf
) -> None:
    shelf.files[CERTIFICATE_URL] = broken

    assert post(client, GENUINE) == 401


def test_a_certificate_out_of_date_verifies_nothing(
    client: FlaskClient, reader: Subscriber, shelf: Shelf
) -> None:
    old = Sns(valid_until=NOW - timedelta(days=1))
    shelf.files[CERTIFICATE_URL] = old.certificate

    assert post(client, old.notification(BOUNCE)) == 401


def test_a_certificate_that_cannot_be_had_asks_to_come_back(
    client: FlaskClient, reader: Subscriber, shelf: Shelf
) -> None:
    shelf.files.clear()

    statuses = [post(client, GENUINE) for _ in range(3)]

    assert statuses == [503, 503, 503]
    assert shelf.fetched == [CERTIFICATE_URL]


def test_nobody_can_make_us_fetch_without_end(client: FlaskClient, reader: Subscriber, shelf: Shelf) -> None:
    for number in range(3 * MOST_FETCHES_A_MINUTE):
        post(
            client, SNS.notification(BOUNCE, SigningCertURL=CERTIFICATE_URL.replace("0123", f"{number:04x}"))
        )

    assert len(shelf.fetched) == MOST_FETCHES_A_MINUTE


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_message_must_be_of_these_minutes(
    minutes: int, client: FlaskClient, db: Database, reader: Subscriber, shelf: Shelf
) -> None:
    at = (NOW + timedelta(minutes=minutes)).strftime("%Y-%m-%dT%H:%M:%S.000Z")

    assert post(client, SNS.notification(BOUNCE, Timestamp=at)) == 401
    assert suppressed(db, reader) is None


def test_a_message_delivered_twice_is_taken_once(
    client: FlaskClient, db: Database, reader: Subscriber, shelf: Shelf
) -> None:
    statuses = [post(client, GENUINE) for _ in range(3)]

    assert statuses == [200, 200, 200]
    assert count_of(db, Bounce) == 1


def test_one_notification_may_speak_of_several_readers(
    client: FlaskClient, db: Database, reader: Subscriber, shelf: Shelf
) -> None:
    with db.transaction() as session:
        other = make_subscriber(session, "other@readers.example")
        mailed(session, other, message_id="1" * 32)
    complained = [{"emailAddress": "reader@readers.example"}, {"emailAddress": "other@readers.example"}]

    post(client, SNS.notification(providers.ses_complaint("x@y.example", complainedRecipients=complained)))

    assert count_of(db, Complaint) == 2
    assert suppressed(db, other) is SuppressionReason.COMPLAINT


@pytest.mark.parametrize(
    "message", ["", "{", "[]", '{"notificationType": "Bounce"}', '{"notificationType": []}']
)
def test_a_genuine_message_that_cannot_be_read_is_kept_for_a_person(
    message: str, client: FlaskClient, db: Database, shelf: Shelf
) -> None:
    status = post(client, SNS.notification(message))

    assert status == 200
    assert count_of(db, QuarantinedMail) == (0 if message.endswith("[]}") else 1)


def test_a_subscription_to_our_topic_is_confirmed(client: FlaskClient, shelf: Shelf) -> None:
    status = post(client, SNS.confirmation())

    assert status == 200
    assert shelf.fetched[-1].startswith(f"https://{SNS_HOST}/?Action=ConfirmSubscription")


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/?Action=ConfirmSubscription",
        f"https://{SNS_HOST}.evil.example/?Action=ConfirmSubscription",
        f"http://{SNS_HOST}/?Action=ConfirmSubscription",
        f"https://{SNS_HOST}/?Action=DeleteTopic&x=Action=ConfirmSubscription",
        f"https://{SNS_HOST}/other?Action=ConfirmSubscription",
        "https://169.254.169.254/?Action=ConfirmSubscription",
    ],
)
def test_a_subscription_elsewhere_is_not_followed(url: str, client: FlaskClient, shelf: Shelf) -> None:
    status = post(client, SNS.confirmation(SubscribeURL=url))

    assert status == 401
    assert shelf.fetched == [CERTIFICATE_URL]
    assert not is_subscribe_url(url, host=SNS_HOST)


def test_a_subscription_of_a_foreign_topic_is_not_followed(client: FlaskClient, shelf: Shelf) -> None:
    status = post(client, SNS.confirmation(TopicArn=FOREIGN_TOPIC))

    assert (status, shelf.fetched) == (401, [])


def test_the_end_of_a_subscription_is_only_noted(client: FlaskClient, shelf: Shelf) -> None:
    status = post(client, SNS.confirmation(Type="UnsubscribeConfirmation"))

    assert status == 200
    assert shelf.fetched == [CERTIFICATE_URL]


# Fetching, over real TLS.


class Amazonish(ThreadingHTTPServer):
    """Answers as it is told, over TLS."""

    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """A client that hangs up is what some of these tests are about."""

    answers: dict[str, Callable[[BaseHTTPRequestHandler], None]]
    asked: list[str]


class _Handler(BaseHTTPRequestHandler):
    server: Amazonish

    def do_GET(self) -> None:
        self.server.asked.append(f"{self.headers['Host']}{self.path}")
        self.server.answers[self.path](self)

    def log_message(self, *_: Any) -> None:
        pass


def _giving(body: bytes, *, status: int = 200, **headers: str) -> Callable[[BaseHTTPRequestHandler], None]:
    def answer(handler: BaseHTTPRequestHandler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def _dripping(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.end_headers()
    stopped = threading.Event()
    try:
        while not stopped.wait(0.02):
            handler.wfile.write(b"x")
            handler.wfile.flush()
    except OSError:
        stopped.set()


@pytest.fixture
def amazonish(tmp_path: Path) -> Iterator[tuple[Amazonish, PinnedFetch]]:
    """A server that proves to be SNS under an authority of the test, and a fetch that trusts it."""
    authority = found_authority(tmp_path)
    certfile, keyfile = authority.vouch_for_name(SNS_HOST)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certfile, keyfile)
    server = Amazonish(("127.0.0.1", 0), _Handler)
    server.answers, server.asked = {}, []
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    fetch = PinnedFetch(
        lambda _host, _port: ["127.0.0.1"],
        is_allowed=lambda _address: True,
        trust=ssl.create_default_context(cafile=str(authority.cafile)),
        port=server.server_address[1],
        whole_seconds=60.0,
    )
    yield server, fetch
    server.shutdown()
    thread.join()
    server.server_close()


def test_a_certificate_comes_over_verified_tls(amazonish: tuple[Amazonish, PinnedFetch]) -> None:
    server, fetch = amazonish
    path = CERTIFICATE_URL.removeprefix(f"https://{SNS_HOST}")
    server.answers[path] = _giving(SNS.certificate)

    assert fetch(CERTIFICATE_URL) == SNS.certificate
    assert server.asked == [f"{SNS_HOST}{path}"]


def test_a_host_that_does_not_prove_its_name_is_not_believed(
    amazonish: tuple[Amazonish, PinnedFetch],
) -> None:
    server, fetch = amazonish

    with pytest.raises(FetchFailed, match="certificate verify failed"):
        fetch("https://sns.us-east-1.amazonaws.com/x.pem")
    assert server.asked == []


@pytest.mark.parametrize(
    "answer",
    [
        _giving(b"", status=302, Location="https://127.0.0.1/"),
        _giving(b"", status=404),
        _giving(b"x" * (LARGEST_FILE_BYTES + 1)),
    ],
    ids=["redirect", "missing", "too large"],
)
def test_only_a_small_file_that_is_there_is_taken(
    answer: Callable[[BaseHTTPRequestHandler], None], amazonish: tuple[Amazonish, PinnedFetch]
) -> None:
    server, fetch = amazonish
    server.answers["/x.pem"] = answer

    with pytest.raises(FetchFailed):
        fetch(f"https://{SNS_HOST}/x.pem")
    assert server.asked == [f"{SNS_HOST}/x.pem"]


def test_a_file_that_comes_drop_by_drop_is_not_waited_for(amazonish: tuple[Amazonish, PinnedFetch]) -> None:
    server, fetch = amazonish
    server.answers["/x.pem"] = _dripping
    impatient = PinnedFetch(
        lambda _host, _port: ["127.0.0.1"],
        is_allowed=lambda _address: True,
        trust=fetch._context(),
        port=server.server_address[1],
        whole_seconds=1.0,
    )

    with pytest.raises(FetchFailed):
        impatient(f"https://{SNS_HOST}/x.pem")


@pytest.mark.parametrize(
    "addresses",
    [
        ["127.0.0.1"],
        ["10.0.0.1"],
        ["169.254.169.254"],
        ["::ffff:127.0.0.1"],
        ["54.239.28.85", "127.0.0.1"],
        [],
    ],
)
def test_a_name_that_leads_inside_is_not_asked(addresses: list[str]) -> None:
    fetch = PinnedFetch(lambda _host, _port: addresses, is_allowed=is_public)

    with pytest.raises(FetchFailed):
        fetch(CERTIFICATE_URL)


def test_a_name_is_resolved_once(amazonish: tuple[Amazonish, PinnedFetch]) -> None:
    server, fetch = amazonish
    server.answers["/x.pem"] = _giving(b"x")
    answers = iter([["127.0.0.1"], ["10.0.0.1"]])
    asked_twice = PinnedFetch(
        lambda _host, _port: next(answers),
        is_allowed=lambda _address: True,
        trust=fetch._context(),
        port=server.server_address[1],
    )

    assert asked_twice(f"https://{SNS_HOST}/x.pem") == b"x"


def test_plain_http_is_never_spoken() -> None:
    with pytest.raises(FetchFailed):
        PinnedFetch(lambda _host, _port: ["127.0.0.1"])("http://sns.eu-west-1.amazonaws.com/x.pem")


def test_the_whole_way_from_tls_to_the_suppression(
    amazonish: tuple[Amazonish, PinnedFetch],
    client: FlaskClient,
    db: Database,
    reader: Subscriber,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    server, fetch = amazonish
    server.answers[CERTIFICATE_URL.removeprefix(f"https://{SNS_HOST}")] = _giving(SNS.certificate)
    monkeypatch.setattr(webhooks, "amazon", Amazon(fetch))

    status = post(client, GENUINE)

    assert status == 200
    assert suppressed(db, reader) is SuppressionReason.HARD_BOUNCE


def test_a_signature_of_the_right_key_over_other_bytes_is_refused() -> None:
    message = read_message(_changed(GENUINE, Signature=base64.b64encode(b"x" * 256).decode()), topics=[TOPIC])

    with pytest.raises(NotGenuine):
        verify(message, SNS.certificate, now=NOW)
