"""The part of an issue's address that says what it is about, in plain letters that survive any mail."""

import re
import unicodedata
from typing import Final

from sqlalchemy import select
from sqlalchemy.orm import Session

from newsletters.publishing.models import Issue

LONGEST: Final = 70
# Ukraine's own romanisation (Cabinet of Ministers, resolution 55 of 2010), simplified to one form a letter,
# and the few letters that Russian and Belarusian names add.
LETTERS: Final = {
    **dict(zip("абвгґдезиіїйклмнопрстуфыэў", "abvhgdezyiiiklmnoprstufyeu", strict=True)),
    **dict(
        zip("єжхцчшюяёæß", ("ie", "zh", "kh", "ts", "ch", "sh", "iu", "ia", "io", "ae", "ss"), strict=True)
    ),
    **dict(zip("щøłđ", ("shch", "o", "l", "d"), strict=True)),
    **dict.fromkeys("ьъ'’ʼ", ""),
}


def slugify(words: str) -> str:
    """``words`` in lower-case ASCII with hyphens; empty where no letter or digit is left."""
    latin = "".join(LETTERS.get(letter, letter) for letter in words.lower())
    plain = unicodedata.normalize("NFKD", latin).encode("ascii", "ignore").decode()
    slug = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
    if len(slug) <= LONGEST:
        return slug
    return slug[: LONGEST + 1].rpartition("-")[0] or slug[:LONGEST]


def issue_slug(session: Session, newsletter_id: int, subject: str, *, issue_id: int | None = None) -> str:
    """An address for an issue that no other issue of its newsletter has."""
    wanted = slugify(subject) or "issue"
    query = select(Issue.slug).where(
        Issue.newsletter_id == newsletter_id,
        Issue.slug.startswith(wanted, autoescape=True),
        Issue.id != (issue_id or 0),
    )
    taken = set(session.scalars(query))
    candidate, number = wanted, 1
    while candidate in taken:
        number += 1
        candidate = f"{wanted}-{number}"
    return candidate
