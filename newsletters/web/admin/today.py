"""The desk's first page: what is going on today."""

from flask import render_template

from newsletters.web.admin.access import editors_only
from newsletters.web.admin.door import blueprint


@blueprint.get("")
@editors_only
def today() -> str:
    """Show the newsroom at a glance."""
    return render_template("desk/today.html")
