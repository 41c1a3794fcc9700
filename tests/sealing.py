"""A draft with its signatures, as a sender with one signer makes it."""

from collections.abc import Sequence

from newsletters.mail.seal import Unsealed
from newsletters.mail.sign import DkimKey
from newsletters.mail.signers import HereSigner


def sealed(draft: Unsealed, keys: Sequence[DkimKey]) -> bytes:
    """The whole message."""
    return draft.sealed(HereSigner(keys).answer(draft.digests))
