"""The hold after a copy of the database was put back: every page of the desk says it, an owner ends it."""

from collections.abc import Callable

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from newsletters import context
from newsletters.delivery import restoring
from newsletters.kernel import restorations
from newsletters.kernel.restorations import Restoration
from newsletters.web.admin.access import current_editor, owners_only
from newsletters.web.admin.acts import record_act
from newsletters.web.admin.door import blueprint
from newsletters.web.tongue import _


@blueprint.post("/release")
@owners_only
def release() -> Response:
    """Let sending go on: somebody has looked."""
    with context.transaction() as session:
        copy = restoring.release(session, by=current_editor().name, now=context.now())
        if copy is not None:
            record_act(session, "sending.released", "database")
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
