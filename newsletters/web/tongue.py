"""gettext as functions that return text, for flask-babel carries no types."""

from collections.abc import Callable

import flask_babel

_: Callable[..., str] = flask_babel.gettext
ngettext: Callable[..., str] = flask_babel.ngettext
