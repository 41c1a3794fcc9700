"""The hold after a copy of the database was put back: every page of the desk says it, an owner ends it."""

from collections.abc import Callable

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.accounts import audit
from newsletters.delivery import restoring
from newsletters.kernel import restorations
from newsletters.kernel.restorations import Restoration
from newsletters.web.admin.access import current_editor, owners_only
from newsletters.web.admin.door import blueprint
from newsletters.web.tongue import _


@blueprint.post("/release")
@owners_only
def release() -> Response:
    """Let sending go on: somebody has looked."""
    editor, now = current_editor(), context.now()
    with context.transaction() as session:
        copy = restoring.release(session, by=editor.name, now=now)
        if copy is not None:
            audit.record(session, editor, "sending.released", now=now, subject="database")
    if copy is not None:
        flash(_("Sending is released. Each paused issue goes on when an editor lets it."), "good")
    return redirect(url_for("desk.today"), 303)


@blueprint.context_processor
def hold() -> dict[str, Callable[[], Restoration | None]]:
    """Asked by the layout alone, so that a part of a page costs nothing."""
    return {"copy_put_back": copy_put_back}


def copy_put_back() -> Restoration | None:
    """The copy that holds up the sending."""
    with context.reading() as session:
        return restorations.in_force(session)
