"""The answer to one post too many: 429, said in the reader's words, with what was typed still there.

It depends on who posts and never on the address, so it may say what happened. Nothing was written, and the
page must not look as if it had been.
"""

import math

from flask import Response, make_response
from flask.typing import ResponseReturnValue
from flask_babel import ngettext
from flask_wtf import FlaskForm

from newsletters import context
from newsletters.subscribers.errors import TooManyPosts


def say(form: FlaskForm, error: TooManyPosts) -> None:
    """Put the refusal into ``form``, for the page that shows it again."""
    form.form_errors.append(words(error))


def words(error: TooManyPosts) -> str:
    """What happened and when to come back."""
    return str(
        ngettext(
            "Too much is coming in just now, so this was not taken. Please try again in %(num)s minute.",
            "Too much is coming in just now, so this was not taken. Please try again in %(num)s minutes.",
            math.ceil(_seconds_left(error) / 60),
        )
    )


def answer(shown: ResponseReturnValue, error: TooManyPosts) -> Response:
    """``shown`` as the refusal it is: 429 and when to come back (RFC 6585 section 4, RFC 9110 10.2.3)."""
    response = make_response(shown)
    response.status_code = 429
    response.headers["Retry-After"] = str(_seconds_left(error))
    return response


def _seconds_left(error: TooManyPosts) -> int:
    return max(1, math.ceil((error.until - context.now()).total_seconds()))
