"""A pasted link is read as a browser reads it, and a host that only looks like ours is told from ours."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from newsletters.publishing.web_links import Kinship, NotALink, kinship, read_link

OURS = "letters.newsroom.example"
PATH = "/newsletters/weekly/issues/one"


@pytest.mark.parametrize(
    "pasted",
    [
        f"https://{OURS}{PATH}",
        f"  <https://{OURS}{PATH}>, ",
        f"http://{OURS.upper()}{PATH}",
        f"https://{OURS}.{PATH}",
        f"https://{OURS}:443{PATH}",
        f"{OURS}{PATH}",
        f"https:/{OURS}{PATH}",
        f"https:\\\\{OURS}\\newsletters\\weekly\\issues\\one",
        f"Read in the browser: https://{OURS}{PATH}",
        f"https://%6Cetters.newsroom.example{PATH}",
        f"https://letters.newsroom。example{PATH}",
        f"https://{OURS}{PATH}?utm_source=x#top",
        f"https://name:secret@{OURS}{PATH}",
        "https://letters.news\u200broom.example/newsletters/weekly/issues/one",
        f"https://eur01.safelinks.protection.outlook.com/?url=https%3A%2F%2F{OURS}{PATH}&data=05",
        f"https://www.google.com/url?q=https://{OURS}{PATH}&sa=D",
        f"https://urldefense.com/v3/__https://{OURS}{PATH}__;!!x",
    ],
)
def test_every_spelling_of_our_link_is_read(pasted: str) -> None:
    link = read_link(pasted)

    assert kinship(link.host, OURS) is Kinship.OURS
    assert link.path == PATH


@pytest.mark.parametrize(
    ("pasted", "host"),
    [
        (f"https://{OURS}@evil.example{PATH}", "evil.example"),
        (f"https://evil.example\\@{OURS}{PATH}", "evil.example"),
        (f"https://evil.example/{OURS}{PATH}", "evil.example"),
        (f"https://evil.example?x=https://{OURS}{PATH}", "evil.example"),
        (f"https://evil.example#@{OURS}{PATH}", "evil.example"),
        (f"https://www.google.com/url?q=https://evil.example/{OURS}", "evil.example"),
        (f"https://google.com.evil.example/url?q=https://{OURS}{PATH}", "google.com.evil.example"),
    ],
)
def test_a_link_that_only_shows_our_name_leads_where_it_leads(pasted: str, host: str) -> None:
    link = read_link(pasted)

    assert link.host == host
    assert kinship(link.host, OURS) is not Kinship.OURS


@pytest.mark.parametrize(
    "pasted",
    [
        "",
        "   ",
        "hello",
        "two words.example",
        "javascript:alert(1)",
        "data:text/html,x",
        "mailto:us@newsroom.example",
        "us@newsroom.example",
        "https://",
        "https://[::1",
        "https://x.example:99999999/",
        "https://" + "a" * 5000,
        "https://..",
        "https://a b.example",
    ],
)
def test_what_is_no_web_address_is_refused(pasted: str) -> None:
    with pytest.raises(NotALink):
        read_link(pasted)


@pytest.mark.parametrize(
    "host",
    [
        "lеtters.newsroom.example",  # a Cyrillic е
        "letters.nеwsrооm.example",
        "Ietters.newsroom.example",  # a capital i
        "letters.newsro0m.example",
        "letters.newsrοοm.example",  # Greek
        "letters.newsroorn.example",
        "letters.nëwsroom.example",
        "letters-newsroom.example",
        "letters.newsroom.example.evil.test",
        "letters.newsroom-example.test",
        "letter.newsroom.example",
        "leters.newsroom.example",
        "letters.newsrooom.example",
        "letters.newrsoom.example",
        "newsroom.test",
        "newsroom-login.test",
        "my.newsr00m.test",
    ],
)
def test_a_host_that_looks_like_ours_is_told_from_ours(host: str) -> None:
    assert kinship(read_link(f"https://{host}/").host, OURS) is Kinship.LOOKALIKE


@pytest.mark.parametrize("host", ["x.letters.newsroom.example", "newsroom.example", f"{OURS}:8443"])
def test_our_neighbours_are_neither_ours_nor_foreign(host: str) -> None:
    assert kinship(read_link(f"https://{host}/").host, OURS) is Kinship.RELATED


@pytest.mark.parametrize("host", ["example.org", "gmail.com", "letters.other.test", "місто.укр", "t.co"])
def test_other_hosts_are_foreign(host: str) -> None:
    assert kinship(read_link(f"https://{host}/").host, OURS) is Kinship.FOREIGN


def test_a_host_in_another_script_is_shown_in_both_spellings() -> None:
    link = read_link("https://lеtters.newsroom.example/")

    assert link.host == "xn--ltters-3of.newsroom.example"
    assert link.shown == "lеtters.newsroom.example"


def test_our_own_host_may_have_a_port() -> None:
    assert kinship(read_link("http://localhost:8000/x").host, "localhost:8000") is Kinship.OURS
    assert kinship(read_link("http://localhost:9000/x").host, "localhost:8000") is Kinship.RELATED


@settings(max_examples=200)
@given(st.text(max_size=60) | st.text(max_size=30).map(lambda text: f"https://{text}"))
def test_whatever_is_pasted_is_a_link_or_is_none(pasted: str) -> None:
    try:
        link = read_link(pasted)
    except NotALink:
        return

    assert kinship(link.host, OURS) in Kinship
    assert link.host.isascii()
    assert isinstance(link.shown, str)
