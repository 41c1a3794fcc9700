"""A link that does not do what it should gets a page that says what happened and what to do now.

Outcomes of a use case are answered by the view that asked for it; errors raised while letting a reader in
are mapped here, in one table for the whole door.
"""

from flask import render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _

from newsletters.kernel.tokens import Purpose, TokenExpired, TokenForeign, TokenForged
from newsletters.subscribers.errors import ProofWanted, ReaderGone, TooManyPosts
from newsletters.subscribers.links import LinkBroken, LinkForeign
from newsletters.web.forms import too_often
from newsletters.web.forms.proof import one_moment
from newsletters.web.public.door import blueprint

blueprint.register_error_handler(ProofWanted, one_moment)


def answer(outcome: LinkForeign | LinkBroken) -> ResponseReturnValue:
    """The page for a link that is not ours, was changed on its way, or is for something else."""
    match outcome:
        case LinkForeign():
            return _foreign(outcome.purpose)
        case LinkBroken():
            return broken()


@blueprint.errorhandler(TokenForeign)
def foreign(error: TokenForeign) -> ResponseReturnValue:
    """An intact link of ours in the wrong place."""
    return _foreign(error.purpose)


@blueprint.errorhandler(TokenForged)
def broken(_error: TokenForged | None = None) -> ResponseReturnValue:
    """Not a link of ours, or no longer whole."""
    what = _(
        "Part of it may have been lost on the way: some programs cut long links in two. Nothing has been "
        "changed. Please open the link from the mail again, or copy it whole."
    )
    return _page(_("This link is not whole"), what, _steps()), 404


@blueprint.errorhandler(TokenExpired)
@blueprint.errorhandler(ReaderGone)
def way_in_closed(_error: TokenExpired | ReaderGone) -> ResponseReturnValue:
    """A link to somebody's preferences that is too old, or void since the address has changed."""
    what = _(
        "A link to your preferences is good for one day, and no longer once your address has changed. "
        "We can mail you a new one."
    )
    return _page(_("This link is too old"), what, [(_("Mail me a new link"), "/preferences")]), 410


@blueprint.errorhandler(TooManyPosts)
def posted_too_often(error: TooManyPosts) -> ResponseReturnValue:
    """More posts than a client, its network or everybody may make."""
    words = too_often.words(error)
    return too_often.answer(_page(_("A little slower, please"), words, _steps(None)), error)


def _foreign(purpose: Purpose) -> ResponseReturnValue:
    what = _("It is a link of ours, but it was made for something else. Nothing has been changed.")
    return _page(_("This link is for something else"), what, _steps(purpose)), 400


def _steps(purpose: Purpose | None = None) -> list[tuple[str, str]]:
    """Whoever came to confirm, or has a link for it, is offered a new one; others their preferences."""
    again, preferences = (_("Send me a new link"), "/confirm/again"), (_("Your preferences"), "/preferences")
    is_about_confirming = request.path.startswith("/confirm/") or purpose is Purpose.CONFIRM
    return [again, preferences] if is_about_confirming else [preferences, (_("All newsletters"), "/")]


def _page(title: str, what: str, steps: list[tuple[str, str]]) -> str:
    return render_template("public/trouble.html", title=title, what=what, steps=steps)
