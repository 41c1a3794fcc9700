"""An issue's message as the desk needs it: for a preview and for a test, made as readers' mail is made."""

from email import message_from_bytes, policy
from email.message import EmailMessage
from functools import lru_cache

from sqlalchemy.orm import Session

from newsletters import context
from newsletters.accounts.models import Editor
from newsletters.kernel.tokens import Purpose
from newsletters.mail.headers import message_id
from newsletters.mail.render import MailTemplates
from newsletters.mail.verp import ReturnPaths
from newsletters.publishing.layout import compile_issue
from newsletters.publishing.models import Issue


def templates() -> MailTemplates:
    """The mail layouts, read once."""
    config = context.runtime().config
    return _templates(config.newsroom, config.public_url)


@lru_cache(maxsize=4)
def _templates(newsroom: str, public_url: str) -> MailTemplates:
    return MailTemplates(newsroom=newsroom, public_url=public_url)


def values_for(editor: Editor, issue_id: int) -> dict[str, str]:
    """What stands in the slots when an editor looks: their own name, and links that end no subscription."""
    runtime = context.runtime()
    config = runtime.config
    domain = config.bounce_domain or config.mail_from.rpartition("@")[2]
    token = runtime.signer.sign(Purpose.UNSUBSCRIBE, 0, issue_id)
    return {
        "name": editor.name,
        "email": editor.email,
        "unsubscribe_url": runtime.urls.unsubscribe(token),
        "unsubscribe_mailto": ReturnPaths(runtime.signer, domain).unsubscribe(0, issue_id),
    }


def message_for(session: Session, issue: Issue, editor: Editor, *, line: int | None = None) -> EmailMessage:
    """The very message a reader would get, read back from its bytes."""
    runtime = context.runtime()
    compiled = compile_issue(session, issue, urls=runtime.urls, templates=templates(), line=line)
    rendered = compiled.render(
        values_for(editor, issue.id),
        recipient=editor.email,
        recipient_name=editor.name,
        message_id=message_id("preview", (issue.id,), runtime.config.public_host),
        date=context.now(),
    )
    return message_from_bytes(rendered, policy=policy.default)


def part(message: EmailMessage, kind: str) -> str:
    """The text of the part of type ``kind``, "html" or "plain"."""
    body = message.get_body((kind,))
    return str(body.get_content()) if body is not None else ""
