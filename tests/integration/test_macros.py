"""The shared macros and error pages, as the application renders them."""

import re
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from flask import Flask, render_template_string
from flask.testing import FlaskClient
from flask_wtf import FlaskForm
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import abort
from wtforms import BooleanField, RadioField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice
from wtforms.validators import DataRequired

from newsletters.app import ERROR_PAGES
from newsletters.reports.plots import Part, Series, line_plot, small_multiples, stacked_bar

TEMPLATES = Path(__file__).parents[2] / "templates"
NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)
FORMS = '{% from "macros/forms.html" import field, choices, checkbox, error_summary, button, post_button %}'
UI = '{% from "macros/ui.html" import badge, when, pagination, figures, meter, event, empty %}'
PLOTS = '{% from "macros/plots.html" import line_plot, stacked_bar, small_multiples %}'


class SignUp(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """A form with one of each kind."""

    class Meta:
        csrf = False

    email = StringField("Email", [DataRequired("Please, enter correct email address")])
    cadence = RadioField(
        "How often",
        [DataRequired("Please choose")],
        choices=[SelectChoice("day", "Daily"), SelectChoice("week", "Weekly")],
    )
    letters = SelectMultipleField(
        "Newsletters", choices=[SelectChoice("a", "First"), SelectChoice("b", "Second")]
    )
    agreed = BooleanField("I agree")


class Tags(HTMLParser):
    """Every start tag with its attributes, in order."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def named(self, name: str) -> list[dict[str, str | None]]:
        return [attributes for tag, attributes in self.found if tag == name]

    def ids(self) -> list[str | None]:
        return [attributes["id"] for _, attributes in self.found if "id" in attributes]


@pytest.fixture
def page(app: Flask) -> Iterator[Flask]:
    """The application inside a request, so that a template may be rendered."""
    with app.test_request_context("/"):
        yield app


def filled(**values: str) -> SignUp:
    form = SignUp(formdata=MultiDict(values))
    form.validate()
    return form


def test_a_field_is_tied_to_its_label_hint_and_error(page: Flask) -> None:
    tags = Tags(
        render_template_string(
            FORMS + "{{ field(form.email, hint='Ours alone', autocomplete='email') }}", form=filled()
        )
    )

    (control,) = tags.named("input")
    assert tags.named("label")[0]["for"] == control["id"] == "email"
    assert control["aria-describedby"] == "email-hint email-error"
    assert control["aria-invalid"] == "true"
    assert control["autocomplete"] == "email"
    assert {"email-hint", "email-error"} <= set(tags.ids())


def test_a_field_in_order_says_nothing_of_errors(page: Flask) -> None:
    html = render_template_string(
        FORMS + "{{ field(form.email) }}", form=filled(email="reader@readers.example", cadence="day")
    )

    (control,) = Tags(html).named("input")
    assert "aria-invalid" not in control
    assert "aria-describedby" not in control


def test_what_was_typed_is_still_there_and_cannot_break_out(page: Flask) -> None:
    html = render_template_string(
        FORMS + "{{ field(form.email) }}", form=filled(email='"><script>alert(1)</script>')
    )

    (control,) = Tags(html).named("input")
    assert control["value"] == '"><script>alert(1)</script>'
    assert Tags(html).named("script") == []


def test_every_choice_has_its_label_and_keeps_its_tick(page: Flask) -> None:
    tags = Tags(
        render_template_string(
            FORMS + "{{ choices(form.letters) }}{{ choices(form.cadence) }}",
            form=filled(letters="b", cadence="week"),
        )
    )

    boxes = tags.named("input")
    assert [box["type"] for box in boxes] == ["checkbox", "checkbox", "radio", "radio"]
    assert [box["value"] for box in boxes if "checked" in box] == ["b", "week"]
    assert [label["for"] for label in tags.named("label")] == [box["id"] for box in boxes]


def test_the_error_summary_leads_to_each_field(page: Flask) -> None:
    html = render_template_string(
        FORMS + "{{ error_summary(form) }}{{ field(form.email) }}{{ choices(form.cadence) }}", form=filled()
    )

    tags = Tags(html)
    targets = [(link["href"] or "").removeprefix("#") for link in tags.named("a")]
    assert targets == ["email", "cadence-0"]
    assert set(targets) <= set(tags.ids())


def test_a_form_in_order_has_no_error_summary(page: Flask) -> None:
    html = render_template_string(
        FORMS + "{{ error_summary(form) }}", form=filled(email="a@readers.example", cadence="day")
    )

    assert html.strip() == ""


def test_a_one_button_form_carries_its_token_and_its_values(page: Flask) -> None:
    tags = Tags(
        render_template_string(FORMS + "{{ post_button('/leave', 'Leave', fields={'newsletter': '7'}) }}")
    )

    assert tags.named("form")[0]["method"] == "post"
    hidden = {box["name"]: box["value"] for box in tags.named("input")}
    assert hidden["newsletter"] == "7"
    assert hidden["csrf_token"]


def test_attributes_of_a_button_are_written_as_html_names_them(page: Flask) -> None:
    (made,) = Tags(
        render_template_string(FORMS + "{{ button('B', aria_pressed='true', disabled=true, hidden=false) }}")
    ).named("button")

    assert made["aria-pressed"] == "true"
    assert "disabled" in made
    assert "hidden" not in made


@pytest.mark.parametrize("state", ["active", "bounced", "a state of tomorrow"])
def test_a_badge_always_says_its_word(page: Flask, state: str) -> None:
    html = render_template_string(UI + "{{ badge(state, 'The word') }}", state=state)

    assert "The word" in html
    assert 'aria-hidden="true"' in html


def test_a_moment_is_written_for_machines_and_for_people(page: Flask) -> None:
    html = render_template_string(UI + "{{ when(noon) }} {{ when(none) }}", noon=NOON)

    assert html.strip() == '<time datetime="2026-03-02T12:00:00+00:00">2 Mar 2026, 12:00 UTC</time> –'


def test_a_moment_that_belongs_to_a_place_is_told_by_its_clocks(page: Flask) -> None:
    html = render_template_string(UI + "{{ when(noon, zone=kyiv) }}", noon=NOON, kyiv=ZoneInfo("Europe/Kyiv"))

    assert "2 Mar 2026, 14:00" in html


def test_the_only_page_has_no_pagination(page: Flask) -> None:
    assert render_template_string(UI + "{{ pagination(none) }}").strip() == ""


def test_a_meter_of_nothing_can_be_drawn(page: Flask) -> None:
    (bar,) = Tags(render_template_string(UI + "{{ meter('Sending', 0, 0) }}")).named("progress")

    assert (bar["value"], bar["max"]) == ("0", "1")


def test_a_servers_reply_stays_text_in_a_timeline(page: Flask) -> None:
    html = render_template_string(
        UI + "{{ event(noon, 'Bounced', reply) }}", noon=NOON, reply="550 <img src=x onerror=alert(1)>"
    )

    assert Tags(html).named("img") == []


def test_a_plot_has_a_title_a_description_and_its_numbers(page: Flask) -> None:
    plot = line_plot([Series("Sign-ups", [(NOON, 1204.0), (NOON + timedelta(days=1), 0.0)])])

    html = render_template_string(
        PLOTS + "{{ line_plot(plot, 'p', 'Sign-ups a day', 'They fell.') }}", plot=plot
    )

    tags = Tags(html)
    named_by = (tags.named("svg")[0]["aria-labelledby"] or "").split()
    assert set(named_by) <= set(tags.ids())
    assert "They fell." in html
    assert re.search(r'<td class="num">1,204</td>', html)


def test_a_plot_of_shares_is_written_in_per_cent(page: Flask) -> None:
    plots = small_multiples([Series("Accepted", [(NOON, 0.9745)])])

    html = render_template_string(
        PLOTS + "{{ small_multiples(plots, 'm', 'Shares', as_percent=true) }}", plots=plots
    )

    assert html.count("97.45 %") == 2


def test_times_on_a_plot_are_told_by_the_clocks_they_come_with(page: Flask) -> None:
    morning = NOON.astimezone(ZoneInfo("Europe/Kyiv"))

    html = render_template_string(
        PLOTS + "{{ line_plot(plot, 'p', 'Accepted') }}",
        plot=line_plot([Series("Accepted", [(morning, 0.0), (morning + timedelta(hours=1), 9.0)])]),
    )

    assert ">14:00</text>" in html
    assert "2 Mar 2026, 15:00" in html


def test_an_empty_plot_says_so_instead_of_drawing(page: Flask) -> None:
    html = render_template_string(PLOTS + "{{ line_plot(plot, 'p', 'Sign-ups') }}", plot=line_plot([]))

    assert Tags(html).named("svg") == []
    assert "There is nothing to draw yet." in html


def test_a_share_never_reads_as_nothing_or_all_when_it_is_not(page: Flask) -> None:
    bar = stacked_bar([Part("Accepted", 99_999, "good"), Part("Failed", 1, "bad"), Part("Unknown", 0)])

    html = render_template_string(
        PLOTS + "{{ stacked_bar(bar, 'b', 'Outcome', links={'Failed': '/failed'}) }}", bar=bar
    )

    assert re.findall(r'<td class="num">([^<]*%)</td>', html) == ["&gt; 99.9 %", "&lt; 0.1 %", "0.0 %"]
    assert Tags(html).named("a") == [{"href": "/failed"}]


def test_many_small_plots_keep_their_ids_apart(page: Flask) -> None:
    plots = small_multiples([Series(name, [(NOON, 1.0)]) for name in ("a", "b", "c")])

    ids = Tags(render_template_string(PLOTS + "{{ small_multiples(plots, 'm', 'All') }}", plots=plots)).ids()

    assert len(set(ids)) == len(ids) == 4


def test_no_template_of_a_page_carries_inline_style_or_script() -> None:
    inline = re.compile(r"\sstyle=|<style|\son[a-z]+=|<script(?![^>]*\bsrc=)")
    pages = [path for path in TEMPLATES.rglob("*.html") if not {"mail", "mails", "email"} & set(path.parts)]

    guilty = [str(path.relative_to(TEMPLATES)) for path in pages if inline.search(path.read_text())]

    assert guilty == []


@pytest.mark.parametrize("code", ERROR_PAGES)
def test_every_error_page_has_one_heading_and_a_way_on(app: Flask, code: int) -> None:
    app.before_request(lambda: abort(code))

    response = app.test_client().get("/")

    tags = Tags(response.text)
    assert response.status_code == code
    assert len(tags.named("h1")) == 1
    assert [link for link in tags.named("a") if "button" in (link.get("class") or "")]


def test_an_unknown_address_answers_with_the_calm_page(client: FlaskClient) -> None:
    response = client.get("/nothing/here")

    assert response.status_code == 404
    assert "There is no page here" in response.text


def test_a_poisoned_host_gets_the_calm_page_and_no_link_to_itself(client: FlaskClient) -> None:
    response = client.get("/", headers={"Host": "elsewhere.example"})

    assert response.status_code == 400
    assert "This request did not arrive whole" in response.text
    assert "elsewhere.example" not in response.text
