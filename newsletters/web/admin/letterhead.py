"""What a mail from the desk carries of this house: signer, addresses, name, and the asker's language."""

from flask_babel import get_locale

from newsletters import context
from newsletters.accounts.invitations import Letterhead
from newsletters.kernel.i18n import supported


def letterhead() -> Letterhead:
    """For this request."""
    runtime = context.runtime()
    return Letterhead(runtime.signer, runtime.urls, runtime.config.newsroom, supported(str(get_locale())))
