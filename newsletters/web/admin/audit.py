"""The audit log's page, for owners: who did what and when."""

from flask import render_template, request

from newsletters import context
from newsletters.accounts.queries import all_editors, audit_entries
from newsletters.web.admin.access import owners_only
from newsletters.web.admin.asking import asked_number
from newsletters.web.admin.audit_words import KINDS, action_words, subject_words
from newsletters.web.admin.door import blueprint

blueprint.add_app_template_filter(action_words)
blueprint.add_app_template_filter(subject_words)


@blueprint.get("/audit")
@owners_only
def audit() -> str:
    """Show the log, newest first, by person and by kind."""
    kind = request.args.get("kind", "")
    actor_id = asked_number("editor")
    after = request.args.get("after")
    with context.reading() as session:
        page = audit_entries(session, actor_id=actor_id, kind=kind if kind in KINDS else "", after=after)
        people = all_editors(session)
    return render_template(
        "desk/audit/log.html",
        page=page,
        editors=people,
        names={person.id: person.name for person in people},
        kinds=KINDS,
        kind=kind,
        actor_id=actor_id,
        is_first=after is None,
    )
