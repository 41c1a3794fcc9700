"""What an inbox shows of a low-trace newsletter's mail: nothing that says what it is or who sends it.

For readers to whom it is a danger to be seen with it. The words are the editors' own, else ours; what the
mail says once it is opened is the same as ever.
"""

from newsletters.kernel.i18n import translations
from newsletters.publishing.models import Newsletter


def neutral_sender(newsletter: Newsletter, language: str) -> str:
    """The name a mail comes from."""
    return newsletter.neutral_sender or str(translations(language).gettext("Letters"))


def neutral_subject(newsletter: Newsletter, language: str) -> str:
    """The subject of a mail."""
    return newsletter.neutral_subject or str(translations(language).gettext("A letter for you"))
