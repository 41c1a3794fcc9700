"""The words of our mails: Jinja templates of our own under templates/mail, in the recipient's language.

Only our own templates are read here, never what editors write. HTML is escaped, an unknown name is an
error, and the style sheet in the head is written onto the elements, since many mail programs drop it.
Values are never looked at twice: slot markers in them are taken out.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from css_inline import CSSInliner
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from newsletters.kernel.i18n import supported, translations
from newsletters.mail.slots import strip_markers

_EMPTY_LINES = re.compile(r"\n(?:[ \t]*\n){2,}")
TEMPLATES = Path(__file__).parent.parent.parent / "templates" / "mail"


@dataclass(frozen=True, slots=True)
class Content:
    """What one mail says."""

    subject: str
    text: str
    html: str


class MailTemplates:
    """Every mail of this newsroom. Safe to share between threads."""

    def __init__(self, *, newsroom: str, public_url: str, folder: Path = TEMPLATES) -> None:
        self._words = {"newsroom": newsroom, "public_url": public_url}
        self._folder = folder
        self._environment = cache(self._build)

    def render(self, kind: str, language: str, params: Mapping[str, Any]) -> Content:
        """The mail called ``kind``. Raises jinja2.TemplateError."""
        subject = self._plain(f"{kind}/subject.txt", language, params)
        return Content(
            subject=strip_markers(" ".join(subject.split())),
            text=strip_markers(self._plain(f"{kind}/body.txt", language, params)),
            html=strip_markers(self.render_page(f"{kind}/body.html", language, params)),
        )

    def render_page(self, name: str, language: str, params: Mapping[str, Any]) -> str:
        """One template under templates/mail: slot markers in ``params`` stay, HTML has its CSS inlined."""
        text = self._plain(name, language, params)
        return _inliner().inline(text) if name.endswith(".html") else text

    def _plain(self, name: str, language: str, params: Mapping[str, Any]) -> str:
        template = self._environment(supported(language)).get_template(name)
        text = template.render(self._words | dict(params))
        return text if name.endswith(".html") else _EMPTY_LINES.sub("\n\n", text).strip() + "\n"

    def _build(self, language: str) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(self._folder),
            autoescape=select_autoescape(("html",)),
            undefined=StrictUndefined,
            extensions=["jinja2.ext.i18n"],
        )
        environment.install_gettext_translations(translations(language), newstyle=True)  # type: ignore[attr-defined]
        environment.globals["language"] = language
        return environment


@cache
def _inliner() -> CSSInliner:
    """Styles go onto the elements; what cannot (media queries) stays in the head. Fetches nothing."""
    return CSSInliner(keep_at_rules=True, load_remote_stylesheets=False)
