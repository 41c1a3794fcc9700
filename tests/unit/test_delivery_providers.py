"""Which provider serves a domain, by name and by MX, with DNS well and with DNS away."""

from collections.abc import Sequence
from datetime import timedelta

import dns.exception
import pytest

from newsletters.delivery.providers import Providers, is_worth
from newsletters.delivery.providers_mx import (
    AGAIN_AFTER,
    KNOWN_FOR,
    NOTHING_FOR,
    ROUND_SECONDS,
    look_up,
    provider_behind,
)
from newsletters.delivery.shaping_reading import read_rules
from tests.conftest import NOW

RULES = read_rules()


class FakeDns:
    """Answers from a table; a domain that is not in it makes DNS be away. Every question takes its time."""

    def __init__(self, answers: dict[str, Sequence[str]], *, each_takes: float = 0.0) -> None:
        self.answers = answers
        self.each_takes = each_takes
        self.passed = 0.0
        self.asked: list[tuple[str, float]] = []

    def __call__(self, domain: str, *, seconds: float) -> Sequence[str]:
        self.asked.append((domain, seconds))
        self.passed += min(self.each_takes, seconds)
        if domain not in self.answers:
            raise dns.exception.Timeout
        return self.answers[domain]

    def monotonic(self) -> float:
        return self.passed


@pytest.mark.parametrize(
    ("domain", "group"),
    [
        ("gmail.com", "google"),
        ("googlemail.com", "google"),
        ("aol.com", "yahoo"),
        ("hotmail.com", "outlook"),
        ("live.com", "outlook"),
        ("icloud.com", "apple"),
        ("ukr.net", "ukrnet"),
        ("i.ua", "iua"),
        ("web.de", "gmx"),
        ("newsroom.example", "newsroom.example"),
    ],
)
def test_a_domain_belongs_to_its_provider_or_to_itself(domain: str, group: str) -> None:
    assert Providers(RULES).group_of(domain) == group


@pytest.mark.parametrize(
    ("names", "provider"),
    [
        (["aspmx.l.google.com", "alt1.aspmx.l.google.com"], "google"),
        (["newsroom-example.mail.protection.outlook.com"], "microsoft365"),
        (["outlook-com.olc.protection.outlook.com"], "outlook"),
        (["newsroom-example.q-v1.mx.microsoft"], "microsoft365"),
        (["mta5.am0.yahoodns.net"], "yahoo"),
        (["mx.newsroom.example", "aspmx.l.google.com"], ""),
        (["notgoogle.com"], ""),
        ([], ""),
    ],
)
def test_the_most_preferred_mx_tells_whose_machines_they_are(names: list[str], provider: str) -> None:
    assert provider_behind(names, RULES) == provider


def test_what_dns_said_is_believed_for_a_while() -> None:
    ask = FakeDns({"newsroom.ua": ["aspmx.l.google.com"], "gone.ua": []})

    found = look_up(["newsroom.ua", "gone.ua", "silent.ua"], RULES, now=NOW, ask=ask, monotonic=ask.monotonic)

    assert found == {
        "newsroom.ua": ("google", NOW + KNOWN_FOR),
        "gone.ua": ("", NOW + NOTHING_FOR),
        "silent.ua": ("", NOW + AGAIN_AFTER),
    }


def test_all_questions_of_a_round_share_one_deadline() -> None:
    ask = FakeDns({}, each_takes=60)
    domains = [f"slow{number}.ua" for number in range(100)]

    found = look_up(domains, RULES, now=NOW, ask=ask, monotonic=ask.monotonic)

    assert ask.passed <= ROUND_SECONDS + 0.001
    assert len(found) == len(ask.asked) < 10


def test_only_domains_with_letters_enough_and_a_real_name_are_asked_for() -> None:
    worth = [
        is_worth("newsroom.ua", 3),
        is_worth("newsroom.ua", 2),
        is_worth("readers.example", 99),
        is_worth("host.local", 99),
        is_worth("localhost", 99),
    ]

    assert worth == [True, False, False, False, False]


def test_knowledge_ends_with_its_time() -> None:
    assert timedelta(0) < AGAIN_AFTER < NOTHING_FOR < KNOWN_FOR
