"""Reasons for leaving, as readers are asked and editors are told."""

from typing import Final

from flask_babel import lazy_gettext as _l
from flask_babel.speaklater import LazyString

from newsletters.subscribers.count_models import Reason

REASON_WORDS: Final[dict[Reason, LazyString]] = {
    Reason.TOO_MANY: _l("Too many mails"),
    Reason.NOT_FOR_ME: _l("Not what I expected, or not for me any more"),
    Reason.ELSEWHERE: _l("I read you elsewhere"),
    Reason.HARD_TO_READ: _l("Hard to read in my mail program"),
    Reason.NEVER_ASKED: _l("I never asked for it"),
    Reason.OTHER: _l("Something else"),
}
