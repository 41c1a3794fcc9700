"""What an editor calls the colours of the palette; each name in the palette has its word here."""

from flask_babel import lazy_gettext as _l

ACCENT_WORDS = {
    "cobalt": _l("Cobalt"),
    "ultramarine": _l("Ultramarine"),
    "violet": _l("Violet"),
    "plum": _l("Plum"),
    "madder": _l("Madder"),
    "vermilion": _l("Vermilion"),
    "sienna": _l("Sienna"),
    "ochre": _l("Ochre"),
    "olive": _l("Olive"),
    "viridian": _l("Viridian"),
    "cerulean": _l("Cerulean"),
    "slate": _l("Slate"),
}
