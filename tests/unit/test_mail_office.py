"""What sending needs of the settings, and what it says of settings that cannot be used."""

from dataclasses import replace
from pathlib import Path

import pytest

from config import BadSetting, Config
from newsletters.kernel.tokens import Signer
from newsletters.mail.office import Office

CONFIG = Config(secret_key="k" * 40, address_hash_key="h" * 40)
SIGNER = Signer([b"k" * 40])


def test_an_office_speaks_for_the_senders_domain() -> None:
    office = Office.from_config(replace(CONFIG, mail_from="news@Приклад.укр"), SIGNER)

    assert office.domain == "xn--80aikifvh.xn--j1amh"
    assert office.paths.domain == office.domain
    assert office.dkim.keys == ()


def test_bounces_may_have_a_domain_of_their_own() -> None:
    office = Office.from_config(replace(CONFIG, bounce_domain="bounces.newsroom.example"), SIGNER)

    assert office.paths.for_mail(1).endswith("@bounces.newsroom.example")


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("mail_from", "nobody"),
        ("mail_from", "a@b.example\r\nBcc: c@d.example"),
        ("smtp_url", "smtp://mail.example?tls=perhaps"),
        ("smtp_url", "smtp://localhost smtp://localhost:25"),
        ("smtp_url", "smtp://localhost smtp://mail.example?tls=perhaps"),
        ("dkim_key", (Path("/nowhere/key.pem"),)),
    ],
)
def test_what_cannot_be_used_is_named(setting: str, value: object) -> None:
    config = replace(CONFIG, dkim_selector=("s",), **{setting: value})  # type: ignore[arg-type]

    with pytest.raises(BadSetting, match=rf"^{setting.upper()}: "):
        Office.from_config(config, SIGNER)


def test_several_servers_are_named_one_after_the_other() -> None:
    config = replace(CONFIG, smtp_url="smtp://localhost:2501?weight=3 smtps://mail.example?connections=5")

    office = Office.from_config(config, SIGNER)

    assert [server.name for server in office.servers] == ["localhost:2501", "mail.example:465"]
    assert [server.weight for server in office.servers] == [3, 1]
    assert office.server is office.servers[0]
