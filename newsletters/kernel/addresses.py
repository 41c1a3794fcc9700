"""What an e-mail address is: email-validator decides, this module says what is stored, compared and mailed.

Stored is the validator's normal form, which keeps the case of the local part (RFC 5321 section 2.4).
Compared is a key: the local part in NFC and case-folded, the domain as lower-case A-labels, so that one
mailbox written in several ways is one row. Mailed is the local part at its A-label domain (RFC 5890); a
local part beyond ASCII needs a server that offers SMTPUTF8 (RFC 6531). No DNS is asked here.
"""

import unicodedata
from dataclasses import dataclass

from email_validator import EmailNotValidError, validate_email

from newsletters.kernel.errors import DomainError

LONGEST_ADDRESS = 254  # RFC 5321 section 4.5.3.1.3, less the angle brackets


class InvalidAddress(DomainError):
    """What was typed is not an address mail can be sent to."""


@dataclass(frozen=True, slots=True)
class Address:
    """A valid address: ``email`` is stored and shown, ``key`` compared, ``wire`` used in RCPT TO."""

    email: str
    key: str
    wire: str

    @property
    def domain(self) -> str:
        """The domain as lower-case A-labels."""
        return self.wire.rpartition("@")[2]


def parse_address(typed: str) -> Address:
    """Read what a person typed. Raises InvalidAddress."""
    if len(typed) > 4 * LONGEST_ADDRESS:
        raise InvalidAddress("too long")
    try:
        valid = validate_email(typed.strip(), check_deliverability=False)
    except EmailNotValidError as error:
        raise InvalidAddress(str(error)) from error
    domain = valid.ascii_domain.lower()
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", valid.local_part).casefold())
    return Address(valid.normalized, f"{local}@{domain}", f"{valid.local_part}@{domain}")


def mask(email: str) -> str:
    """The address as shown to somebody who may not be its owner: ``o•••@example.org``."""
    local, _, domain = email.rpartition("@")
    return f"{local[:1]}•••@{domain}"
