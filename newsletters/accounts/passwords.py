"""What a password may be and how it is kept: argon2id with 46 MiB and one pass (OWASP ASVS 5.0, 11.4.2).

The rule is about guessing, not about character classes (NIST SP 800-63B section 3.1.1): take out of the
password what an attacker tries first and count what is left. Each known piece counts as one character:
the account's own address and name, the newsroom's name, the commonest words of leaked passwords, runs of
neighbouring letters, digits or keys, and repetitions. Eight must be left. Any character is welcome and a
sentence is best; nothing is cut off.
"""

import re
import secrets
import unicodedata
from collections.abc import Iterable

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from newsletters.accounts.errors import WeakPassword

LEAST_CHARACTERS = 8
MOST_CHARACTERS = 1000  # far past any sentence; only there so that nobody makes us hash megabytes
MEMORY_KIB = 47_104  # 46 MiB
_GENERATED_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are mistaken for one another

_hasher = PasswordHasher(time_cost=1, memory_cost=MEMORY_KIB, parallelism=1)
# What an account that does not exist is checked against, so that it takes as long as one that does. The
# password behind it was random and thrown away; knowing it would open nothing.
_NOBODY = "$argon2id$v=19$m=47104,t=1,p=1$vVe5rr5p+C+ytNADIN3uVA$aGBUr1lDsh0j5isQv5OaubObwLUIk6sLF5pb71l0kLU"

_KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "azertyuiop", "йцукенгшщзхї", "фівапролджє")
_ALPHABETS = ("abcdefghijklmnopqrstuvwxyz", "абвгґдеєжзиіїйклмнопрстуфхцчшщьюя", "01234567890")
_RUNS = tuple(row for line in (*_KEYBOARD, *_ALPHABETS) for row in (line, line[::-1]))
_COMMON = (
    "password", "passwort", "passw", "пароль", "secret", "welcome", "letmein", "login", "admin",
    "administrator", "master", "root", "user", "guest", "test", "demo", "changeme", "default", "temp",
    "newsletter", "newsletters", "newsroom", "editor", "owner", "iloveyou", "monkey", "dragon",
    "sunshine", "princess", "football", "baseball", "superman", "batman", "shadow", "michael", "summer",
    "winter", "spring", "autumn", "hello", "freedom", "whatever", "trustno", "qazwsx", "qweasd",
    "ukraine", "україна", "kyiv", "київ",
)  # fmt: skip
_LEET = str.maketrans("013457@$!", "oleastasi")


def hash_password(password: str) -> str:
    """The password as it is stored."""
    return _hasher.hash(_normal(password))


def matches(stored: str | None, password: str) -> bool:
    """Whether ``password`` is the one stored; takes as long when there is no account (None)."""
    if len(password) > MOST_CHARACTERS:
        password = ""
    try:
        _hasher.verify(stored or _NOBODY, _normal(password))
    except (VerificationError, InvalidHashError):
        return False
    return stored is not None


def is_outdated(stored: str) -> bool:
    """Whether it was hashed with other parameters than today's and should be hashed anew."""
    return _hasher.check_needs_rehash(stored)


def generate_password() -> str:
    """A password for an operator to hand over: 20 letters in groups, 98 bits."""
    groups = ("".join(secrets.choice(_GENERATED_LETTERS) for _ in range(5)) for _ in range(4))
    return "-".join(groups)


def check_strength(password: str, *, known: Iterable[str] = ()) -> None:
    """Refuse what is too easily guessed; ``known`` are the account's and newsroom's own names.

    Raises WeakPassword with ``short``, ``long`` or ``guessable``.
    """
    if len(password) < LEAST_CHARACTERS:
        raise WeakPassword("short")
    if len(password) > MOST_CHARACTERS:
        raise WeakPassword("long")
    if unguessable_length(password, known=known) < LEAST_CHARACTERS:
        raise WeakPassword("guessable")


def unguessable_length(password: str, *, known: Iterable[str] = ()) -> int:
    """The number of characters left when each known piece, run and repetition counts as one."""
    plain = _normal(password).casefold()
    pieces = [*_words(known), *_COMMON]
    return min(_cut(text, pieces) for text in (plain, plain.translate(_LEET)))


def _cut(text: str, pieces: Iterable[str]) -> int:
    for piece in sorted(set(pieces), key=len, reverse=True):
        text = text.replace(piece, "\0")
    text = _without_runs(text)
    text = re.sub(r"(.+?)\1+", r"\1", text)
    return len(text)


def _without_runs(text: str) -> str:
    """``abcdef`` and ``7654`` are one character each: three or more neighbours in a known row."""
    kept, at = [], 0
    while at < len(text):
        length = _run_length(text, at)
        kept.append(text[at])
        at += length
    return "".join(kept)


def _run_length(text: str, at: int) -> int:
    end = at + 3
    if end > len(text) or not any(text[at:end] in row for row in _RUNS):
        return 1
    while end < len(text) and any(text[at : end + 1] in row for row in _RUNS):
        end += 1
    return end - at


def _words(known: Iterable[str]) -> Iterable[str]:
    """The parts of addresses and names that are long enough to be recognised."""
    for name in known:
        folded = _normal(name).casefold()
        yield from (part for part in (*re.split(r"[\W_]+", folded), folded) if len(part) >= 3)


def _normal(password: str) -> str:
    """The same characters however a keyboard composed them (NIST SP 800-63B section 3.1.1.2)."""
    return unicodedata.normalize("NFKC", password)
