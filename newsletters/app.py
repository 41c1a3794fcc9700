"""The Flask application: doors, CSRF, headers, languages and error pages, put together."""

import hashlib
import logging
from functools import lru_cache
from pathlib import Path
from urllib.parse import quote

from flask import Flask, Request, Response, abort, g, render_template, request
from flask.typing import ResponseReturnValue
from flask_babel import Babel, get_locale
from flask_wtf import CSRFProtect
from werkzeug.exceptions import HTTPException, InternalServerError
from werkzeug.routing import IntegerConverter, Map

from config import Config
from newsletters import context
from newsletters.api import door as api
from newsletters.api import routes as api_routes
from newsletters.kernel.i18n import LANGUAGES, NAMES, TRANSLATIONS
from newsletters.kernel.outage import is_outage
from newsletters.kernel.row_numbers import LARGEST
from newsletters.runtime import Runtime, build
from newsletters.tasks.register import register
from newsletters.web import health, metrics, outage
from newsletters.web.admin import door as desk
from newsletters.web.admin import routes as desk_routes
from newsletters.web.forms import door as forms
from newsletters.web.forms import routes as forms_routes
from newsletters.web.forms.shown import write_when_due
from newsletters.web.public import door as public
from newsletters.web.public import languages
from newsletters.web.public import routes as public_routes

ROOT = Path(__file__).parent.parent
LARGEST_BODY_BYTES = 12 * 1024 * 1024
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
YEAR_SECONDS = 365 * 24 * 3600
DOORS = (public, forms, desk, api, health, metrics)
ROUTES = (
    public_routes,
    forms_routes,
    desk_routes,
    api_routes,
)  # imported for their effect on the doors' blueprints
ERROR_PAGES = (400, 403, 404, 405, 413, 429, 500, 503)

log = logging.getLogger(__name__)


class FormRequest(Request):
    """Pages take forms alone: Flask-WTF would take a body of JSON for one, whatever it holds."""

    is_json = False


def create_app(config: Config, *, runtime: Runtime | None = None) -> Flask:
    """Build the application; a test hands in its own ``runtime``."""
    app = Flask(
        __name__, template_folder=str(ROOT / "templates"), static_folder=str(ROOT / "newsletters/static")
    )
    runtime = runtime or build(config)
    runtime.db.wait_at_most()
    context.install(app, runtime)
    register(runtime)
    _configure(app, config)
    app.request_class = FormRequest
    app.before_request(_refuse_nul)
    _open_doors(app)
    Babel(app, locale_selector=_language, default_translation_directories=str(TRANSLATIONS))
    app.jinja_env.globals.update(
        static_url=static_url,
        urls=runtime.urls,
        newsroom=config.newsroom,
        locale=get_locale,
        language_names=NAMES,
    )
    app.after_request(_add_headers)
    app.after_request(write_when_due)
    app.register_error_handler(Exception, _answer_error)
    return app


def _configure(app: Flask, config: Config) -> None:
    prefix = "__Host-" if config.is_https else ""
    app.config.update(
        SECRET_KEY=config.secret_key,
        SECRET_KEY_FALLBACKS=list(config.old_secret_keys),
        SESSION_COOKIE_NAME=f"{prefix}session",
        SESSION_COOKIE_SECURE=config.is_https,
        SESSION_COOKIE_HTTPONLY=True,
        SESSION_COOKIE_SAMESITE="Lax",
        TRUSTED_HOSTS=sorted({config.public_host, config.host, "localhost", "127.0.0.1"}),
        MAX_CONTENT_LENGTH=LARGEST_BODY_BYTES,
        WTF_CSRF_TIME_LIMIT=None,  # a page left open overnight still works; the token ends with the session
        WTF_CSRF_SSL_STRICT=False,  # pages with a token in their address send no Referer
    )


class RowNumber(IntegerConverter):
    """A number in a path that a database can hold: a longer one is nowhere, not an error."""

    def __init__(self, url_map: Map) -> None:
        super().__init__(url_map, max=LARGEST)


def _open_doors(app: Flask) -> None:
    app.url_map.converters["int"] = RowNumber
    csrf = CSRFProtect(app)
    for door in DOORS:
        app.register_blueprint(door.blueprint)
        for view in door.CSRF_EXEMPT:
            csrf.exempt(view)


def _refuse_nul() -> None:
    """Nobody types NUL, PostgreSQL stores none: an address with one is nowhere, a form with one no form.

    What is wrong with a token is said by the door that reads it. What programs post is read there too, byte
    by byte: looked at as a form it would be gone.
    """
    named = [str(value) for name, value in (request.view_args or {}).items() if name != "token"]
    if any("\0" in value for value in named):
        abort(404)
    has_form = request.method == "POST" and request.blueprint != api.blueprint.name
    given = (request.args, request.form) if has_form else (request.args,)
    if any("\0" in text for said in given for name, values in said.lists() for text in (name, *values)):
        abort(400)


def _language() -> str | None:
    """The page's own choice (its newsletter's or its reader's language), else the browser's."""
    chosen: str | None = g.get("language")
    if request.blueprint is None:  # an address that no door answers for: the reader's choice still holds
        chosen = chosen or languages.chosen_here()
    return chosen or request.accept_languages.best_match(LANGUAGES, "en")


@lru_cache
def _content_hash(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]


def static_url(filename: str) -> str:
    """The address of a static file with its content's hash in it, so that it may be kept for a year."""
    # Not url_for: the error page of a request with a foreign Host has no routes to ask.
    return f"/static/{quote(filename)}?v={_content_hash(ROOT / 'newsletters/static' / filename)}"


def _add_headers(response: Response) -> Response:
    headers = response.headers
    headers.setdefault("Content-Security-Policy", CONTENT_SECURITY_POLICY)
    headers.setdefault("X-Content-Type-Options", "nosniff")
    headers.setdefault("Referrer-Policy", "same-origin")
    headers.setdefault("Cross-Origin-Opener-Policy", "same-origin")
    if context.runtime().config.is_https:
        headers.setdefault("Strict-Transport-Security", f"max-age={YEAR_SECONDS}; includeSubDomains")
    if request.endpoint == "static" and "v" in request.args:
        headers["Cache-Control"] = f"public, max-age={YEAR_SECONDS}, immutable"
    return response


def _answer_error(error: Exception) -> ResponseReturnValue:
    """One calm page for whatever went wrong; what was unforeseen is logged with its traceback."""
    if is_outage(error):
        log.error("the database was away at %s %s: %s", request.method, request.endpoint, error)
        return outage.answer()
    if not isinstance(error, HTTPException):
        log.exception("unforeseen error at %s %s", request.method, request.endpoint)
        error = InternalServerError()
    code = error.code if error.code in ERROR_PAGES else 500 if (error.code or 500) >= 500 else 400
    return render_template(f"errors/{code}.html", error=error), error.code or 500
