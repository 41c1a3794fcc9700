"""Is this mail really from us? A page that compares a mail with what we signed, and the proof itself.

The form is posted, so that a link somebody pastes, perhaps with a token of theirs in it, stands in no log and
no address bar; and nobody can send around a link of ours that says "genuine". It changes nothing.
"""

from datetime import timedelta
from typing import Final

from flask import Response, abort, jsonify, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import lazy_gettext as _
from flask_wtf import FlaskForm
from wtforms import DateField, StringField
from wtforms.validators import InputRequired, Length

from newsletters import context
from newsletters.kernel.limits import Limit, hit
from newsletters.publishing import archive, genuine
from newsletters.publishing.genuine import Finding
from newsletters.publishing.signatures import vouched
from newsletters.publishing.web_links import NotALink
from newsletters.subscribers.errors import TooManyPosts
from newsletters.subscribers.guard import client_digest
from newsletters.web.forms.fields import WithoutTranslations
from newsletters.web.public.door import blueprint, only_reads

CHECKS: Final = Limit("checks of mails", 60, timedelta(hours=1))
DATES: Final = ["%Y-%m-%d", "%d.%m.%Y", "%d/%m/%Y"]  # the first is what browsers send
DAY_SECONDS: Final = 24 * 3600


class LinkForm(FlaskForm):  # type: ignore[misc]
    """A link from the mail."""

    class Meta(WithoutTranslations):
        csrf = False  # it only reads

    link = StringField(
        _("Link from the mail"),
        description=_("Copy the address of “Read in the browser” without opening it, and paste it here."),
        validators=[
            InputRequired(_("Please paste the link")),
            Length(max=4000, message=_("Please use at most %(max)d characters")),
        ],
    )


class SubjectForm(FlaskForm):  # type: ignore[misc]
    """What a reader sees of a mail without opening it."""

    class Meta(WithoutTranslations):
        csrf = False

    subject = StringField(
        _("Subject"),
        validators=[
            InputRequired(_("Please paste the subject")),
            Length(max=600, message=_("Please use at most %(max)d characters")),
        ],
    )
    date = DateField(
        _("Day it came"), format=DATES, validators=[InputRequired(_("Please give the day, as in 2026-05-31"))]
    )


@blueprint.get("/genuine")
def genuine_page() -> str:
    """Ask what there is to compare."""
    return _page(LinkForm(formdata=None), SubjectForm(formdata=None))


@blueprint.post("/genuine")
@only_reads
def genuine_answer() -> ResponseReturnValue:
    """Say whether the mail is ours. Raises TooManyPosts."""
    _count()
    by_link = "link" in request.form
    link = LinkForm() if by_link else LinkForm(formdata=None)
    subject = SubjectForm(formdata=None) if by_link else SubjectForm()
    if not (link if by_link else subject).validate():
        return _page(link, subject), 422
    try:
        finding = _look(link, subject, by_link=by_link)
    except NotALink:
        link.link.errors = [_("This is no web address. A link begins with https://")]
        return _page(link, subject), 422
    return _page(link, subject, finding)


@blueprint.get("/newsletters/<slug>/issues/<issue_slug>/signature.json")
def issue_signature(slug: str, issue_slug: str) -> Response:
    """Hand out the signed statement about an issue, with the text whose hash is in it."""
    runtime = context.runtime()
    with context.reading() as db:
        newsletter = archive.newsletter_by_slug(db, slug) or abort(404)
        issue = archive.public_issue(db, newsletter.id, issue_slug) or abort(404)
        proof = vouched(db, issue, keys=runtime.issue_keys) or abort(404)
    return jsonify(
        statement=proof.statement,
        signature=proof.signature,
        kid=proof.key_id,
        keys=runtime.urls.issue_keys(),
        text=proof.text,
    )


@blueprint.get("/.well-known/newsletter-keys.json")
def issue_keys() -> Response:
    """Publish our public keys as a JWK set (RFC 7517, RFC 8037), the one in use first."""
    keys = context.runtime().issue_keys.keys
    written = [key.jwk | {"kid": key.key_id, "alg": "EdDSA", "use": "sig", "pem": key.pem} for key in keys]
    response = jsonify(keys=written)
    response.headers["Cache-Control"] = f"public, max-age={DAY_SECONDS}"
    return response


def _count() -> None:
    runtime, now = context.runtime(), context.now()
    with context.transaction() as db:
        is_within = hit(db, CHECKS, client_digest(runtime, context.client_address()), now=now)
    if not is_within:
        raise TooManyPosts(until=CHECKS.window(now)[1])


def _look(link: LinkForm, subject: SubjectForm, *, by_link: bool) -> Finding:
    with context.reading() as db:
        if by_link:
            return genuine.by_link(db, link.link.data, notary=context.runtime())
        return genuine.by_subject(db, subject.subject.data, subject.date.data, notary=context.runtime())


def _page(link: LinkForm, subject: SubjectForm, finding: Finding | None = None) -> str:
    config = context.runtime().config
    return render_template(
        "public/genuine.html", link=link, subject=subject, finding=finding, our_host=config.public_host
    )
