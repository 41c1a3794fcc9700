"""What sending needs of the settings: the servers, the keys, the return paths, the words and the sender."""

from dataclasses import dataclass
from typing import Self

from config import BadSetting, Config
from newsletters.kernel.addresses import InvalidAddress
from newsletters.kernel.tokens import Signer
from newsletters.mail.exchange import Exchange
from newsletters.mail.headers import wire_address
from newsletters.mail.message import Mailbox
from newsletters.mail.render import MailTemplates
from newsletters.mail.route import Route
from newsletters.mail.server import BadServerUrl, SmtpServer
from newsletters.mail.sign import DkimKey, DkimSigner, UnusableKey, load_key
from newsletters.mail.verp import ReturnPaths


@dataclass(frozen=True, slots=True)
class Office:
    """The newsroom's way out. ``domain`` stands in Message-IDs; ``sender`` writes the single mails."""

    servers: tuple[SmtpServer, ...]
    dkim: DkimSigner
    paths: ReturnPaths
    templates: MailTemplates
    sender: Mailbox
    domain: str

    @classmethod
    def from_config(cls, config: Config, signer: Signer) -> Self:
        """Raises BadSetting for a sender, a server or a key that cannot be used."""
        domain = _domain(config)
        return cls(
            servers=_servers(config),
            dkim=DkimSigner(_keys(config, domain)),
            paths=ReturnPaths(signer, config.bounce_domain or domain),
            templates=MailTemplates(newsroom=config.newsroom, public_url=config.public_url),
            sender=Mailbox(config.newsroom, config.mail_from),
            domain=domain,
        )

    @classmethod
    def of_single_mails(cls, config: Config, signer: Signer) -> Self:
        """The same for mail that somebody waits for, where it goes another way. Raises BadSetting."""
        try:
            return cls.from_config(config.of_single_mails(), signer)
        except BadSetting as error:
            raise BadSetting(f"SINGLE_{error}") from error

    @property
    def server(self) -> SmtpServer:
        """The first server, which single mails go to while it can be reached."""
        return self.servers[0]

    def connection(self) -> Route:
        """The way of single mails; close it in the end."""
        return Route(self.servers)

    def exchange(self) -> Exchange:
        """Connections to every server, for one thread that drives them all; close it in the end."""
        return Exchange(self.servers)


def _domain(config: Config) -> str:
    try:
        return wire_address(config.mail_from).rpartition("@")[2]
    except InvalidAddress as error:
        raise BadSetting(f"MAIL_FROM: {config.mail_from!r} is not an address: {error}") from error


def _servers(config: Config) -> tuple[SmtpServer, ...]:
    try:
        return SmtpServer.from_urls(config.smtp_url, helo=config.public_host)
    except BadServerUrl as error:
        raise BadSetting(f"SMTP_URL: {error}") from error


def _keys(config: Config, domain: str) -> list[DkimKey]:
    try:
        return [
            load_key(path, domain=config.dkim_domain or domain, selector=selector)
            for path, selector in zip(config.dkim_key, config.dkim_selector, strict=False)
        ]
    except (UnusableKey, OSError) as error:
        raise BadSetting(f"DKIM_KEY: {error}") from error
