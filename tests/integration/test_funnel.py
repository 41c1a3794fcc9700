"""The way from a form to a confirmed reader, counted without a cookie."""

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, timedelta

import pytest
from flask.testing import FlaskClient

from newsletters.kernel.db import Database
from newsletters.mail.office import Office
from newsletters.publishing.models import Newsletter
from newsletters.reports.funnel import By, Funnel, told_apart, whole
from newsletters.runtime import Runtime
from newsletters.subscribers.campaign import read_campaign
from newsletters.subscribers.confirm import note_mailed
from newsletters.subscribers.purge import purge
from newsletters.tasks.outbox import send_outbox
from newsletters.web.forms.shown import Shown
from tests.desk import signed_in
from tests.factories import make_newsletter
from tests.mailbox import Reader, advance, newsletter
from tests.readers import embed_sign_up, mailed_path, press, sign_up
from tests.sink import SinkProcess

ARTICLE = "https://newsroom.example/2026/the-night-shift"
SLUG = "explaining-ukraine"


def counted(runtime: Runtime, **chosen: int) -> tuple[int, ...]:
    with runtime.db.reading() as session:
        found = whole(session, since=runtime.clock.now().astimezone(UTC).date(), **chosen)
    return tuple(number for _, number in found.steps)


def apart(runtime: Runtime, by: By) -> list[Funnel]:
    with runtime.db.reading() as session:
        return list(told_apart(session, by, since=runtime.clock.now().astimezone(UTC).date()))


def mailed(runtime: Runtime, reader: Reader) -> None:
    with runtime.db.transaction() as session:
        note_mailed(session, reader.row.id, now=runtime.clock.now())


def test_each_step_counts_once_however_often_it_is_taken(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    number = reader.signs_up(news, form="footer", page=ARTICLE)
    for _ in range(2):
        mailed(runtime, reader)
    token = reader.token()
    reader.confirms(token)
    reader.confirms(token)

    assert number
    assert counted(runtime) == (0, 1, 1, 1, 1)


def test_what_was_not_confirmed_is_lost_where_it_stopped(runtime: Runtime) -> None:
    news, sent, mailed_only = newsletter(runtime), Reader(runtime), Reader(runtime, email="m@gmail.com")
    sent.signs_up(news)
    mailed_only.signs_up(news)
    mailed(runtime, mailed_only)

    assert counted(runtime) == (0, 2, 1, 0, 0)
    assert [(row.key, row.submitted, row.mailed) for row in apart(runtime, By.PROVIDER)] == [
        ("gmail", 1, 1),
        ("other", 1, 0),
    ]


def test_counts_stay_when_the_requests_are_forgotten(runtime: Runtime) -> None:
    news = newsletter(runtime)
    Reader(runtime).signs_up(news)
    before = counted(runtime)
    since = runtime.clock.now().astimezone(UTC).date()
    advance(runtime, timedelta(days=40))
    with runtime.db.transaction() as session:
        purge(session, now=runtime.clock.now())

    with runtime.db.reading() as session:
        after = whole(session, since=since)

    assert before == tuple(number for _, number in after.steps) == (0, 1, 0, 0, 0)


def test_somebody_who_reads_it_already_is_no_sign_up(runtime: Runtime) -> None:
    news, reader = newsletter(runtime), Reader(runtime)
    reader.joins(news)

    reader.signs_up(news)

    assert counted(runtime)[1] == 1


@pytest.mark.parametrize(
    ("query", "campaign"),
    [
        ("utm_source=telegram&utm_medium=social&utm_campaign=hromada", "telegram / social / hromada"),
        ("?utm_campaign=hromada", "– / – / hromada"),
        ("id=7&fbclid=secret", ""),
        ("", ""),
        ("utm_source=%00a%0d%0ab", "a b / – / –"),
        ("utm_source=" + "x" * 500, "x" * 38 + " / – / –"),
        ("&".join(f"a{n}=1" for n in range(500)), ""),
    ],
)
def test_a_campaign_is_read_off_three_parameters(query: str, campaign: str) -> None:
    assert read_campaign(query) == campaign


@pytest.fixture
def news(db: Database) -> Newsletter:
    with db.transaction() as session:
        return make_newsletter(session, slug=SLUG, name="Explaining Ukraine")


def test_the_article_and_the_campaign_stay_with_the_reader_they_brought(
    client: FlaskClient, runtime: Runtime, db: Database, news: Newsletter
) -> None:
    embed_sign_up(client, form="footer", page=ARTICLE, campaign="utm_source=telegram&x=1")
    press(client, mailed_path(db, "confirm", "confirm_url"))

    (page,) = apart(runtime, By.PAGE)
    (campaign,) = apart(runtime, By.CAMPAIGN)
    assert (page.key, page.submitted, page.confirmed) == (ARTICLE, 1, 1)
    assert (campaign.key, campaign.confirmed) == ("telegram / – / –", 1)


def test_our_own_pages_carry_the_campaign_of_their_address(
    client: FlaskClient, runtime: Runtime, news: Newsletter
) -> None:
    shown = client.get("/?utm_source=print&utm_campaign=qr").get_data(as_text=True)
    campaign = shown.split('name="campaign" type="hidden" value="')[1].split('"')[0]

    sign_up(client, campaign=campaign.replace("&amp;", "&"))

    assert [row.key for row in apart(runtime, By.CAMPAIGN)] == ["print / – / qr"]


def test_a_form_that_is_shown_is_counted_after_a_while(
    client: FlaskClient, runtime: Runtime, news: Newsletter
) -> None:
    client.get("/")
    client.head("/")
    client.get(f"/newsletters/{SLUG}")
    told = client.post(
        "/embed/shown",
        data={"newsletter": [SLUG, "unknown"], "page": ARTICLE, "form": "footer"},
        headers={"Origin": "https://newsroom.example"},
    )
    kept: Shown = client.application.extensions["newsletters.shown"]
    before = counted(runtime)

    kept.write()

    assert told.status_code == 204
    assert told.headers["Access-Control-Allow-Origin"] == "*"
    assert (before[0], counted(runtime)[0]) == (0, 3)
    with runtime.db.reading() as session:
        since = runtime.clock.now().astimezone(UTC).date()
        shown = {row.key: row.shown for row in told_apart(session, By.FORM, since=since)}
    assert shown == {"front page": 1, "newsletter page": 1, "footer": 1}


def test_a_page_on_another_origin_than_the_poster_is_not_believed(
    client: FlaskClient, runtime: Runtime, news: Newsletter
) -> None:
    client.post(
        "/embed/shown",
        data={"newsletter": SLUG, "page": ARTICLE},
        headers={"Origin": "https://elsewhere.example"},
    )
    client.application.extensions["newsletters.shown"].write()

    assert [row.key for row in apart(runtime, By.PAGE)] == ["https://elsewhere.example/"]


def test_the_page_of_the_link_is_counted_when_its_script_says_so(
    client: FlaskClient, runtime: Runtime, db: Database, news: Newsletter
) -> None:
    sign_up(client)
    path = mailed_path(db, "confirm", "confirm_url")
    client.get(path)
    looked = counted(runtime)

    said = [client.post(f"{path}/opened").status_code for _ in range(2)]

    assert (looked[3], counted(runtime)[3]) == (0, 1)
    assert said == [204, 204]
    assert client.post("/confirm/forged/opened").status_code == 204


def test_a_mail_that_a_server_accepted_is_counted(
    client: FlaskClient,
    runtime: Runtime,
    news: Newsletter,
    sink: SinkProcess,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("newsletters.tasks.outbox._office", _office_of(runtime, sink))
    sign_up(client)

    send_outbox(runtime)

    assert counted(runtime)[:3] == (0, 1, 1)


def test_the_desk_shows_the_way_and_where_it_ends(
    client: FlaskClient, runtime: Runtime, db: Database, news: Newsletter
) -> None:
    signed_in(client, db)
    empty = client.get("/desk/readers/funnel").get_data(as_text=True)
    embed_sign_up(client.application.test_client(), form="footer", page=ARTICLE)

    page = client.get("/desk/readers/funnel?days=7").get_data(as_text=True)
    other = client.get("/desk/readers/funnel?newsletter=4711").get_data(as_text=True)

    assert "Nothing yet" in empty
    assert ARTICLE in page
    assert page.count('<th role="columnheader" scope="col" class="num">Form shown</th>') == 3
    assert "Explaining Ukraine" in page
    assert "Nothing yet" in other


def _office_of(runtime: Runtime, sink: SinkProcess) -> Callable[[Runtime], Office]:
    office = Office.from_config(replace(runtime.config, smtp_url=sink.smtp_url), runtime.signer)
    return lambda _runtime: office
