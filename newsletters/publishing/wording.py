"""The placeholders an editor may write, and what stands for each where there is no reader to name.

A fixed list: nothing here can reach a setting, another reader or the code (ASVS 5.0, 1.3.7).
"""

from typing import Final

from newsletters.kernel.i18n import translations
from newsletters.mail.placeholders import Placeholders, parse_placeholders
from newsletters.mail.slots import Slot, cut, fill_text, slot, strip_markers
from newsletters.publishing.models import Newsletter

PLACEHOLDERS: Final = ("name", "email", "newsletter")


def with_slots(source: str, newsletter: Newsletter) -> Placeholders:
    """``source`` with its placeholders as slots, each with a default: the written one, else our own."""
    parsed = parse_placeholders(strip_markers(source), allowed=PLACEHOLDERS)
    defaults = default_words(newsletter)
    parts = (part if isinstance(part, str) else _completed(part, defaults) for part in cut(parsed.text))
    return Placeholders("".join(parts), parsed.used, parsed.unknown)


def without_reader(source: str, newsletter: Newsletter) -> str:
    """``source`` as plain text for everybody: each placeholder shows its default."""
    return fill_text(with_slots(source, newsletter).text, {})


def default_words(newsletter: Newsletter) -> dict[str, str]:
    """What each placeholder says by itself, in the newsletter's language."""
    gettext = translations(newsletter.language).gettext
    return {"name": gettext("reader"), "email": gettext("your address"), "newsletter": newsletter.name}


def _completed(found: Slot, defaults: dict[str, str]) -> str:
    if found.name == "newsletter":  # the same for every reader, whatever default was written
        return slot("newsletter", defaults["newsletter"])
    return slot(found.name, found.default or defaults[found.name])
