"""An issue's words as the readers' templates write them: placeholders show their defaults."""

from datetime import datetime

from newsletters.publishing.archive import public_at
from newsletters.publishing.models import Issue, Newsletter
from newsletters.publishing.web import issue_preheader, issue_subject
from newsletters.web.public.door import blueprint


@blueprint.app_template_filter("headline")
def headline(issue: Issue, newsletter: Newsletter) -> str:
    """``{{ issue|headline(newsletter) }}``"""
    return issue_subject(issue, newsletter)


@blueprint.app_template_filter("standfirst")
def standfirst(issue: Issue, newsletter: Newsletter) -> str:
    """``{{ issue|standfirst(newsletter) }}``"""
    return issue_preheader(issue, newsletter)


@blueprint.app_template_filter("public_at")
def shown_since(issue: Issue) -> datetime:
    """``{{ issue|public_at }}``"""
    return public_at(issue)
