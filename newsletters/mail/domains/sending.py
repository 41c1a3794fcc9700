"""How the mail of one sender leaves: everything that a look at its domains must know."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from config import Config
from newsletters.kernel.addresses import InvalidAddress
from newsletters.mail.domains import tls
from newsletters.mail.domains.checks import Pair
from newsletters.mail.domains.relays import is_local, is_sample, own_public_addresses
from newsletters.mail.headers import wire_address
from newsletters.mail.office import Office
from newsletters.mail.server import SmtpServer
from newsletters.mail.sign import DkimKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """How one newsletter's mail leaves. Domains are A-labels; ``addresses`` are those mail leaves from."""

    from_domain: str
    bounce_domain: str
    reply_domain: str
    servers: tuple[SmtpServer, ...]
    keys: tuple[DkimKey, ...] = ()
    addresses: tuple[str, ...] = ()
    sink_port: int = 0
    look: tls.Look = field(default=tls.look)

    @property
    def is_rehearsal(self) -> bool:
        """Whether mail goes to the local sink or comes from a domain nobody owns: nothing can be checked."""
        return is_rehearsal(self.pair, self.servers, sink_port=self.sink_port)

    @property
    def pair(self) -> Pair:
        """What the look is kept under."""
        return Pair(self.from_domain, self.reply_domain)

    @property
    def relays(self) -> tuple[SmtpServer, ...]:
        """Servers elsewhere, whose own addresses receivers see."""
        return tuple(server for server in self.servers if not is_local(server))


def pair_of(sender_email: str, reply_to: str) -> Pair:
    """The domains of one sender; where no answers are wanted elsewhere, they come to the sender."""
    sender = _domain(sender_email)
    return Pair(sender, _domain(reply_to) if reply_to else sender)


def is_rehearsal(pair: Pair, servers: Sequence[SmtpServer], *, sink_port: int) -> bool:
    """The same for a sender whose keys nobody needs to have read."""
    to_sink = all(is_local(server) and server.port == sink_port for server in servers)
    return to_sink or is_sample(pair.from_domain)


def sending_of(pair: Pair, *, office: Office, single: Office, config: Config) -> Sending:
    """How mail of ``pair`` leaves with these settings: as issues do, and single mails as theirs do too."""
    offices = (office, single) if pair == pair_of(config.mail_from, "") else (office,)
    servers = {server.name: server for one in offices for server in one.servers}
    keys = {(key.domain, key.selector): key for one in offices for key in one.dkim.keys}
    return Sending(
        from_domain=pair.from_domain,
        bounce_domain=office.paths.domain,
        reply_domain=pair.reply_domain,
        servers=tuple(servers.values()),
        keys=tuple(keys.values()),
        addresses=config.sending_addresses or _own_addresses(office, config),
        sink_port=config.sink_smtp_port,
    )


def _own_addresses(office: Office, config: Config) -> tuple[str, ...]:
    """Where this machine's own server sends from, if it is one and the addresses are public."""
    if any(is_local(server) and server.port != config.sink_smtp_port for server in office.servers):
        return own_public_addresses()
    return ()


def _domain(email: str) -> str:
    try:
        return wire_address(email).rpartition("@")[2].lower()
    except InvalidAddress:
        return email.rpartition("@")[2].lower()
