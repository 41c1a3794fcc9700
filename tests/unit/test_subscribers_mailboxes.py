"""What an address says by itself."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from newsletters.delivery.shaping_reading import read_rules
from newsletters.subscribers.mailbox_providers import BY_DOMAIN, OTHER, PROVIDERS
from newsletters.subscribers.mailboxes import (
    GUESSED,
    LARGE,
    is_large_provider,
    is_role,
    is_throwaway,
    likely_meant,
    provider_of,
)


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("gmial.com", "gmail.com"),
        ("gmai.com", "gmail.com"),
        ("gmaill.com", "gmail.com"),
        ("gmail.con", "gmail.com"),
        ("gnail.com", "gmail.com"),
        ("hotmial.com", "hotmail.com"),
        ("ukr.nte", "ukr.net"),
        ("ukr.ne", "ukr.net"),
        ("urk.net", "ukr.net"),
        ("yaho.com", "yahoo.com"),
        ("iclould.com", "icloud.com"),
    ],
)
def test_a_slip_is_pointed_out(typed: str, meant: str) -> None:
    assert likely_meant(typed) == meant


@pytest.mark.parametrize(
    "domain", ["gmail.com", "mail.com", "i.ua", "newsroom.example", "gmx.at", "kyivpost.com", "a.b.c.d"]
)
def test_what_may_well_be_meant_is_left_alone(domain: str) -> None:
    assert likely_meant(domain) == ""


@given(known=st.sampled_from(GUESSED), data=st.data())
def test_one_letter_more_or_less_never_leads_astray(known: str, data: st.DataObject) -> None:
    place = data.draw(st.integers(0, len(known) - 1))
    letter = data.draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz0123456789"))
    typed = data.draw(
        st.sampled_from([known[:place] + known[place + 1 :], known[:place] + letter + known[place:]])
    )

    assert likely_meant(typed) in {*GUESSED, ""}
    if typed in LARGE:
        assert likely_meant(typed) == ""


@given(st.text(max_size=80))
def test_nothing_breaks_on_what_is_no_domain(text: str) -> None:
    assert likely_meant(text) in {*LARGE, ""}
    assert is_throwaway(text) in (True, False)
    assert is_role(text) in (True, False)


@pytest.mark.parametrize(
    "email", ["info@x.example", "Editors@x.example", "no_reply@x.example", "news+uk@x.example"]
)
def test_an_office_is_known_by_its_name(email: str) -> None:
    assert is_role(email)


@pytest.mark.parametrize("email", ["olena@x.example", "information.desk.fan@x.example", "adm@x.example"])
def test_a_person_is_no_office(email: str) -> None:
    assert not is_role(email)


def test_throwaway_domains_are_known_with_what_belongs_to_them() -> None:
    assert is_throwaway("mailinator.com")
    assert is_throwaway("inbox.mailinator.com")
    assert not is_throwaway("gmail.com")
    assert not is_throwaway("com")


def test_large_providers_are_known() -> None:
    assert is_large_provider("gmail.com")
    assert not is_large_provider("newsroom.example")


def test_no_domain_belongs_to_two_providers() -> None:
    assert len(BY_DOMAIN) == sum(len(provider.domains) for provider in PROVIDERS)


def test_reports_name_the_provider_and_put_small_ones_together() -> None:
    assert provider_of("olena@GoogleMail.com") == "gmail"
    assert provider_of("olena@aol.com") == "yahoo"
    assert provider_of("olena@fastmail.com") == provider_of("olena@newsroom.example") == OTHER


def test_what_reports_call_one_provider_is_one_provider_to_the_flow_of_mail() -> None:
    flow = read_rules(None).by_domain
    groups = {provider.group for provider in PROVIDERS} - {OTHER}

    machines = {
        group: {flow[domain] for domain, provider in BY_DOMAIN.items() if provider.group == group}
        for group in groups
    }

    assert {group: len(served_by) for group, served_by in machines.items()} == dict.fromkeys(groups, 1)
