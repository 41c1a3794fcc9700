"""Code for a sign-up form on another site: a few choices, three ways to paste it, and how it looks.

Nothing is stored: the choices stand in the page's address, so that an editor can send a colleague the link.
Forms that are kept, and may ask more, have a room of their own (forms.py).
The previews run what a site would run, in frames that may reach nothing of the desk.
"""

from typing import Any

from flask import Response, g, make_response, render_template, request, url_for
from flask_babel import force_locale
from flask_babel import lazy_gettext as _l
from flask_wtf import FlaskForm
from markupsafe import Markup
from wtforms import SelectField, SelectMultipleField, StringField
from wtforms.fields.choices import SelectChoice

from newsletters import context
from newsletters.kernel.i18n import NAMES
from newsletters.publishing.palette import ACCENTS
from newsletters.publishing.slugs import slugify
from newsletters.web.admin.access import editors_only
from newsletters.web.admin.colour_words import ACCENT_WORDS
from newsletters.web.admin.door import blueprint
from newsletters.web.admin.newsletters import newsletter_or_404
from newsletters.web.forms.asked import options
from newsletters.web.forms.choices import LONGEST_BUTTON, LONGEST_FORM, Choices, read_choices
from newsletters.web.forms.offers import Offers, open_offers

PREVIEW_POLICY = (
    "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'self'; sandbox"
)


class EmbeddingForm(FlaskForm):  # type: ignore[misc]  # Flask-WTF carries no types
    """The choices, sent by GET."""

    newsletter = SelectMultipleField(_l("Newsletters on the form"))
    ticked = SelectMultipleField(_l("Ticked from the start"))
    form = StringField(_l("Name of the form"))
    button = StringField(_l("Words on the button"))
    language = SelectField(
        _l("Language of the form"), choices=[SelectChoice(*pair) for pair in NAMES.items()]
    )
    accent = SelectField(_l("Colour of the button"))

    class Meta:
        csrf = False


@blueprint.get("/newsletters/<int:newsletter_id>/embed")
@editors_only
def embedding(newsletter_id: int) -> str:
    """Show the choices and the code; a script asks for the code alone."""
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
    offers = open_offers()
    choices = read_choices(request.args, offers, otherwise=[shown.slug])
    code = {
        "ways": ways(choices, offers),
        "choices": choices,
        "newsletter": shown,
        "preview_href": f"{url_for('desk.embedding_preview', newsletter_id=newsletter_id)}?{choices.query}",
    }
    if request.headers.get("X-Requested-With") == "fetch":
        return render_template("desk/newsletters/_embedding_code.html", **code)
    return render_template(
        "desk/newsletters/embedding.html",
        form=_form(choices, offers),
        longest={"form": LONGEST_FORM, "button": LONGEST_BUTTON},
        saved=[
            form
            for form in offers.forms.values()
            if any(line["id"] == newsletter_id for line in form.newsletters)
        ],
        **code,
    )


@blueprint.get("/newsletters/<int:newsletter_id>/embed/preview")
@editors_only
def embedding_preview(newsletter_id: int) -> Response:
    """The plain form as a page shows it that has no style of its own; it can be sent nowhere."""
    with context.reading() as session:
        shown = newsletter_or_404(session, newsletter_id)
    offers = open_offers()
    choices = read_choices(request.args, offers, otherwise=[shown.slug])
    return preview(choices, offers)


def preview(choices: Choices, offers: Offers) -> Response:
    """The page that holds the plain form and nothing else."""
    g.language = choices.language
    page = render_template(
        "desk/newsletters/embedding_preview.html",
        snippet=ways(choices, offers).get("plain", ""),
        language=choices.language,
    )
    response = make_response(page)
    response.headers["Content-Security-Policy"] = PREVIEW_POLICY
    return response


def ways(choices: Choices, offers: Offers) -> dict[str, str]:
    """The code of each way, in the form's language; none where nothing can be offered."""
    if not choices.offered:
        return {}
    newsletters = [offers.newsletters[slug] for slug in choices.offered]
    given: dict[str, Any] = {
        "choices": choices,
        "newsletters": newsletters,
        "wordings": offers.worded(choices.saved),
        "options": options,
        "id": "-".join(filter(None, ("newsletter", newsletters[0].slug, slugify(choices.form)))),
    }
    shade = choices.shade.light  # white on it is readable, by the palette's own test
    looks = Markup(f' style="background: {shade}; color: #fff"') if choices.accent_name else ""  # noqa: S704
    with force_locale(choices.language):
        plain = render_template("desk/newsletters/_embed_plain.html", looks=looks, **given).strip()
        frame = render_template("desk/newsletters/_embed_frame.html", **given).strip()
    urls = context.runtime().urls
    script = f'<script type="module" src="{urls.embed_script()}"></script>'
    height = f'<script type="module" src="{urls.embed_height()}"></script>'
    return {"plain": plain, "script": f"{plain}\n{script}", "frame": frame, "height": height}


def _form(choices: Choices, offers: Offers) -> EmbeddingForm:
    data = {
        "newsletter": choices.offered,
        "ticked": choices.ticked,
        "form": choices.form,
        "button": choices.button,
        "language": choices.language,
        "accent": choices.accent_name,
    }
    form = EmbeddingForm(formdata=None, data=data)
    offered = [SelectChoice(slug, name) for slug, name in offers.names.items()]
    form.newsletter.choices = form.ticked.choices = offered
    own = SelectChoice("", _l("As the site has it"))
    form.accent.choices = [own, *(SelectChoice(name, ACCENT_WORDS[name]) for name in ACCENTS)]
    return form
