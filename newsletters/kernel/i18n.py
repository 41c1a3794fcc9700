"""Words in the reader's language where there is no request: mail, feeds, the worker.

The same catalogues as the pages' (newsletters/translations), read by babel without Flask.
"""

from functools import cache
from pathlib import Path

from babel.support import NullTranslations, Translations

TRANSLATIONS = Path(__file__).parent.parent / "translations"
NAMES = {"en": "English", "uk": "Українська"}  # each as its speakers call it
LANGUAGES = tuple(NAMES)
DEFAULT_LANGUAGE = "en"


@cache
def translations(language: str) -> NullTranslations:
    """The catalogue for ``language``, English (the words in the code) where there is none."""
    return Translations.load(TRANSLATIONS, [language])


def supported(language: str | None) -> str:
    """``language`` where we speak it, else the default."""
    return language if language in LANGUAGES else DEFAULT_LANGUAGE
