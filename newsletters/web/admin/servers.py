"""Mail servers: how each takes our mail, which providers rest, and what rules are in force. For owners."""

from flask import abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.delivery import absence, servers_books
from newsletters.delivery.servers_queries import ServerView, providers_now, servers_now
from newsletters.delivery.shaping import Rules
from newsletters.delivery.shaping_file import rulebook
from newsletters.delivery.shaping_reading import BadShaping, read_rules
from newsletters.mail.server import SmtpServer
from newsletters.reports.plots import LinePlot, Series, line_plot
from newsletters.web.admin import servers_words as words
from newsletters.web.admin.access import owners_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.tongue import _


@blueprint.get("/servers")
@owners_only
def servers() -> str:
    """Show every server and every provider that got mail within the hour or rests."""
    rules, trouble = _rules()
    now = context.now()
    with context.reading() as session:
        views = servers_now(session, _servers(), rules, now=now)
        providers = providers_now(session, rules, now=now)
    return render_template(
        "desk/servers/overview.html",
        servers=views,
        of_issues={server.name for server in SmtpServer.from_urls(context.runtime().config.smtp_url)},
        plots={view.server.name: _plot(view) for view in views},
        providers=providers,
        is_unused=not providers and all(view.state.first_used_at is None for view in views),
        rules=rules,
        trouble=trouble,
        file=context.runtime().config.shaping_file,
        words=words,
    )


@blueprint.post("/servers/try-server")
@owners_only
def try_server() -> Response:
    """End a server's rest: the next letter tries it."""
    name = request.form.get("server", "")
    if name not in {server.name for server in _servers()}:
        abort(404)
    with context.transaction() as session:
        now = context.now()
        servers_books.try_server_now(session, name, now=now)
        absence.try_now(session, now=now)
        record_act(session, "server.tried", "server", detail=name)
    context.runtime().engine.nudge("pulse")
    flash(_("%(server)s is being tried now.", server=name), "good")
    return redirect(url_for("desk.servers"), 303)


@blueprint.post("/servers/try-provider")
@owners_only
def try_provider() -> Response:
    """End a provider's rest at every server: the next letter tries it."""
    key = request.form.get("provider", "")
    with context.transaction() as session:
        now = context.now()
        if not servers_books.try_provider_now(session, key, now=now):
            abort(404)
        record_act(session, "provider.tried", "provider", detail=key)
    name = _rules()[0].name_of(key)
    flash(
        _("%(provider)s is being tried with one letter; the others follow if it is taken.", provider=name),
        "good",
    )
    return redirect(url_for("desk.servers"), 303)


def _servers() -> tuple[SmtpServer, ...]:
    config = context.runtime().config
    return SmtpServer.of_both_ways(config.smtp_url, config.single_smtp_url)


def _rules() -> tuple[Rules, str]:
    """The rules in force, and what is wrong with the file as it stands, if anything."""
    try:
        book = rulebook(context.runtime().config.shaping_file)
    except BadShaping as error:
        return read_rules(), str(error)
    book.refresh()
    return book.rules, book.trouble


def _plot(view: ServerView) -> LinePlot:
    points = [(minute, float(letters)) for minute, letters in view.sent]
    return line_plot([Series(view.server.name, points if view.sent_in_all else [])])
