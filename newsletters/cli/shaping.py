"""``shaping``: the rules of the flow that are in force, as lines for a terminal."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import click

from config import BadSetting, Config
from newsletters.delivery.shaping import Limits, Rules, ServerRules
from newsletters.delivery.shaping_reading import BadShaping, read_rules
from newsletters.delivery.throttle import Rate
from newsletters.mail.server import BadServerUrl, SmtpServer

NO_LIMIT = "no limit"


@click.command()
@click.option("--check", type=click.Path(path_type=Path), help="Look for mistakes in this file instead.")
def shaping(check: Path | None) -> None:
    """Print how fast mail may flow: the rules in force, or those that FILE would bring."""
    config = Config.from_env()
    try:
        servers = SmtpServer.of_both_ways(config.smtp_url, config.single_smtp_url)
        rules = read_rules(check or config.shaping_file)
    except BadServerUrl as error:
        raise BadSetting(f"SMTP_URL: {error}") from error
    except BadShaping as error:
        raise click.ClickException(str(error)) from error
    click.echo("\n".join(lines(rules, servers)))


def lines(rules: Rules, servers: Sequence[SmtpServer]) -> list[str]:
    """Every server of the settings and every provider, with its limits."""
    told = ["Mail servers"]
    for server in servers:
        told += _server(server, rules.of_server(server.name), rules)
    told += ["", "Providers, for each of our servers"]
    told += [
        f"  {provider.name} ({key}): {_words(provider.limits)}" for key, provider in rules.providers.items()
    ]
    told.append(f"  any other domain: {_words(rules.default)}")
    unknown = sorted(set(rules.servers) - {server.name for server in servers})
    told += [f"  note: SMTP_URL names no server {name}; its section has no effect" for name in unknown]
    return told


def _server(server: SmtpServer, own: ServerRules, rules: Rules) -> list[str]:
    weight = own.weight or server.weight
    relay = ", a relay" if own.is_relay else ""
    words = _words(_in_force(server, own.limits), _where(own.limits))
    told = [f"  {server.name}: weight {weight}{relay}, {words}"]
    return told + [
        f"    {rules.name_of(key)} there: {_words(limits)}" for key, limits in own.providers.items()
    ]


def _in_force(server: SmtpServer, own: Limits) -> Limits:
    """What SMTP_URL says, where the file says nothing else."""
    return replace(
        own,
        connections=own.connections or server.connections,
        messages=own.messages or server.messages_per_connection,
        rate=own.rate or (Rate.per_second(server.rate) if server.rate is not None else None),
    )


def _where(own: Limits) -> str:
    return "" if own.connections else " a worker"


def _words(limits: Limits, where: str = "") -> str:
    said = [
        f"{limits.connections} connections{where}" if limits.connections else "",
        f"{limits.messages} messages a connection" if limits.messages else "",
        str(limits.rate) if limits.rate else "",
        f"warm-up over {len(limits.warm_up.days)} days" if limits.warm_up else "",
        "TLS required" if limits.needs_tls else "",
    ]
    return ", ".join(word for word in said if word) or NO_LIMIT
