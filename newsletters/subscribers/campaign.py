"""Which campaign a link belonged to, from the parameters that newsrooms put into links. Pure.

Only the three that name a campaign are read, cut and cleaned; whatever else stands there is left alone.
"""

from typing import Final
from urllib.parse import parse_qs

from newsletters.subscribers.words import without_controls

PARAMETERS: Final = ("utm_source", "utm_medium", "utm_campaign")
_LONGEST_PART: Final = 38  # three of them and what stands between fit into the column
_LONGEST_QUERY: Final = 4_000
_MOST_FIELDS: Final = 60


def read_campaign(query: str) -> str:
    """ "source / medium / campaign" of a query string, with a dash for what is not said; "" without any."""
    try:
        given = parse_qs(query[:_LONGEST_QUERY].lstrip("?"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        return ""
    parts = [without_controls(given.get(name, [""])[-1]).strip()[:_LONGEST_PART] for name in PARAMETERS]
    return " / ".join(part or "–" for part in parts) if any(parts) else ""
