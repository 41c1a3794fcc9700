"""How the mail of one sender leaves: everything that a look at its domains must know."""

from dataclasses import dataclass, field

from newsletters.mail import domain_tls
from newsletters.mail.domain_relays import is_local, is_sample
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
    look: domain_tls.Look = field(default=domain_tls.look)

    @property
    def is_rehearsal(self) -> bool:
        """Whether mail goes to the local sink or comes from a domain nobody owns: nothing can be checked."""
        to_sink = all(is_local(server) and server.port == self.sink_port for server in self.servers)
        return to_sink or is_sample(self.from_domain)

    @property
    def relays(self) -> tuple[SmtpServer, ...]:
        """Servers elsewhere, whose own addresses receivers see."""
        return tuple(server for server in self.servers if not is_local(server))
