"""What a password may be, and how it is kept."""

import time

import pytest
from argon2 import PasswordHasher, extract_parameters

from newsletters.accounts import passwords
from newsletters.accounts.errors import WeakPassword

SENTENCE = "seven green lamps by the river"


def test_a_stored_password_is_argon2id_with_at_least_46_mebibytes() -> None:
    parameters = extract_parameters(passwords.hash_password(SENTENCE))

    assert parameters.type.name == "ID"
    assert parameters.memory_cost >= 46 * 1024
    assert parameters.time_cost >= 1


def test_the_right_password_matches_and_any_other_does_not() -> None:
    stored = passwords.hash_password(SENTENCE)

    assert passwords.matches(stored, SENTENCE)
    assert not passwords.matches(stored, SENTENCE + ".")
    assert not passwords.matches(stored, "")


def test_the_same_letters_composed_otherwise_are_the_same_password() -> None:
    stored = passwords.hash_password("caf\u00e9 au lait by the river")

    assert passwords.matches(stored, "cafe\u0301 au lait by the river")


def test_nobody_has_a_password_that_matches() -> None:
    assert not passwords.matches(None, SENTENCE)
    assert not passwords.matches("!", SENTENCE)


def test_an_account_that_does_not_exist_takes_as_long_as_one_that_does() -> None:
    stored = passwords.hash_password(SENTENCE)

    known, unknown = zip(*[(_seconds(stored), _seconds(None)) for _ in range(5)], strict=True)

    assert 0.5 < min(known) / min(unknown) < 2


def test_what_nobody_is_checked_against_has_the_parameters_of_everybody_else() -> None:
    assert not passwords.is_outdated(passwords._NOBODY)


def test_a_hash_of_weaker_parameters_is_outdated() -> None:
    weaker = PasswordHasher(time_cost=1, memory_cost=8192, parallelism=1).hash(SENTENCE)

    assert passwords.is_outdated(weaker)
    assert not passwords.is_outdated(passwords.hash_password(SENTENCE))


@pytest.mark.parametrize(
    "password",
    [
        "vD8#kq2!",
        "correct horse battery staple",
        SENTENCE,
        "a" + "xkvbtz" * 3 + "w8 rq",
        "тиха вода греблі рве",
        "x" * 3 + " lovely rivers run deep " + "y" * 900,
    ],
)
def test_passwords_that_cannot_be_guessed_are_welcome(password: str) -> None:
    passwords.check_strength(password, known=("ada@newsroom.example", "Ada Reporter", "The Newsroom"))


@pytest.mark.parametrize(
    ("password", "shortfall"),
    [
        ("vD8#kq2", "short"),
        ("x y" * 400, "long"),
        ("password", "guessable"),
        ("P@ssw0rd123", "guessable"),
        ("Newsletter2026!", "guessable"),
        ("qwertyuiop123", "guessable"),
        ("йцукенгш12345", "guessable"),
        ("aaaaaaaaaaaaaaaaaaaa", "guessable"),
        ("abcabcabcabcabc", "guessable"),
        ("9876543210987654", "guessable"),
        ("ada.lovelace1815", "guessable"),
        ("Morning-Courier-26", "guessable"),
        ("letmein letmein", "guessable"),
    ],
)
def test_passwords_that_are_tried_first_are_refused(password: str, shortfall: str) -> None:
    with pytest.raises(WeakPassword) as refused:
        passwords.check_strength(password, known=("ada.lovelace@example.org", "Ada", "Morning Courier"))

    assert refused.value.shortfall == shortfall


def test_sixty_four_characters_and_more_are_allowed() -> None:
    long = "the quick brown fox jumps over the lazy dog and then goes home again for tea"

    passwords.check_strength(long)

    assert len(long) > 64
    assert passwords.matches(passwords.hash_password(long), long)
    assert not passwords.matches(passwords.hash_password(long), long[:-1])


def test_generated_passwords_are_strong_and_never_the_same() -> None:
    made = {passwords.generate_password() for _ in range(50)}

    assert len(made) == 50
    for password in made:
        passwords.check_strength(password)


def _seconds(stored: str | None) -> float:
    """Of the processor: how busy it is does not count."""
    begun = time.process_time()
    passwords.matches(stored, SENTENCE)
    return time.process_time() - begun
