"""Said at every form and at every button that joins: which of the newsletters there leave few traces."""

from collections.abc import Iterable

from newsletters.publishing.models import Newsletter
from newsletters.web.forms.door import blueprint
from newsletters.web.tongue import _


@blueprint.app_template_global()
def low_trace_words(newsletters: Iterable[Newsletter]) -> str:
    """Empty where none of them does."""
    names = ", ".join(newsletter.name for newsletter in newsletters if newsletter.is_low_trace)
    if not names:
        return ""
    return _(
        "%(names)s leaves few traces: its mails about your subscription have a neutral sender and subject, "
        "links in it lead straight where they say, and we do not keep your network address.",
        names=names,
    )
