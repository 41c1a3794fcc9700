"""Finds the SMTP codes in what a provider quotes of a mail server's reply (RFC 5321, RFC 3463). Pure."""

import re
from typing import Final

_ENHANCED: Final = re.compile(r"(?<![\d.])([245]\.\d{1,3}\.\d{1,3})(?![\d.])")
_BASIC: Final = re.compile(r"(?<![\d.])([45]\d\d)(?![\d.])")


def enhanced_code(*texts: str) -> str:
    """The first enhanced code of a failure in ``texts``, empty without one."""
    for text in texts:
        for found in _ENHANCED.finditer(text):
            if not found[1].startswith("2."):
                return found[1]
    return ""


def basic_code(*texts: str) -> int:
    """The first reply code of a failure in ``texts``, nought without one."""
    for text in texts:
        if found := _BASIC.search(text):
            return int(found[1])
    return 0
