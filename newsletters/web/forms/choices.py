"""What an editor may choose about a form for another site: read from an address, and written into one.

The same choices stand in the desk's generator and in the frame's own address, so the frame shows what the
editor saw. Whatever is not offered is left out. A saved form is named by its number alone, and may ask more.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from werkzeug.datastructures import MultiDict

from newsletters.kernel.i18n import LANGUAGES, supported
from newsletters.publishing.palette import ACCENTS, Shade, accent
from newsletters.subscribers.form_fields import Field
from newsletters.subscribers.form_models import SavedForm
from newsletters.subscribers.words import without_controls
from newsletters.web.forms.offers import Offers

LONGEST_FORM: Final = 120
LONGEST_BUTTON: Final = 40


@dataclass(frozen=True, slots=True)
class Choices:
    """One form. ``accent_name`` is empty where nothing was chosen, ``saved`` None where nothing is kept."""

    offered: tuple[str, ...]
    ticked: tuple[str, ...]
    form: str
    button: str
    language: str
    accent_name: str
    saved: SavedForm | None = None

    @property
    def number(self) -> str:
        """The saved form's, empty where there is none."""
        return str(self.saved.id) if self.saved else ""

    @property
    def asked(self) -> tuple[Field, ...]:
        """What the form asks beside the address."""
        return self.saved.asked if self.saved else ()

    @property
    def shade(self) -> Shade:
        return accent(self.accent_name)

    @property
    def query(self) -> str:
        """The choices as the query of an address."""
        if self.saved:
            return urlencode({"saved": self.number})
        pairs = [("newsletter", slug) for slug in self.offered]
        pairs += [("ticked", slug) for slug in self.ticked if len(self.offered) > 1]
        named = {
            "form": self.form,
            "button": self.button,
            "language": self.language,
            "accent": self.accent_name,
        }
        return urlencode([*pairs, *((name, value) for name, value in named.items() if value)])


def read_choices(given: MultiDict[str, str], offers: Offers, *, otherwise: Sequence[str] = ()) -> Choices:
    """The choices in ``given``; where it names no open newsletter, ``otherwise`` is offered."""
    if saved := offers.forms.get(given.get("saved", "")):
        return choices_of(saved, offers)
    asked = given.getlist("newsletter")
    offered = tuple(slug for slug in offers.newsletters if slug in asked) or tuple(
        slug for slug in otherwise if slug in offers.newsletters
    )
    first = offers.newsletters[offered[0]] if offered else None
    language = given.get("language", "")
    accent_name = given.get("accent", "")
    return Choices(
        offered=offered,
        ticked=tuple(slug for slug in offered if slug in given.getlist("ticked")),
        form=_line(given.get("form", ""), LONGEST_FORM),
        button=_line(given.get("button", ""), LONGEST_BUTTON),
        language=language if language in LANGUAGES else supported(first.language if first else None),
        accent_name=accent_name if accent_name in ACCENTS else "",
    )


def choices_of(saved: SavedForm, offers: Offers) -> Choices:
    """What was chosen for a saved form; newsletters that closed since are left out."""
    lines = {line["id"]: line for line in saved.newsletters}
    offered = {slug: lines[one.id] for slug, one in offers.newsletters.items() if one.id in lines}
    return Choices(
        offered=tuple(offered),
        ticked=tuple(slug for slug, line in offered.items() if line["is_ticked"]),
        form=saved.name,
        button=saved.button,
        language=saved.language,
        accent_name=saved.accent,
        saved=saved,
    )


def _line(text: str, longest: int) -> str:
    return " ".join(without_controls(text).split())[:longest]
