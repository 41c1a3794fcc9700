"""``doctor``: looks at everything an operator can get wrong, and says what to do about it.

One line for each thing: ok, warning or broken, what was found, and the exact record to publish. The exit
status is 1 when anything is broken, so that it can stand in a deployment.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress

import click
from sqlalchemy.exc import SQLAlchemyError

from config import Config
from newsletters.cli.ailments import Symptom, machine
from newsletters.mail.domains.checks import Pair
from newsletters.mail.domains.dkim import Published, key_name, published
from newsletters.mail.domains.dns import Dns
from newsletters.mail.domains.findings import Finding, Level, Record
from newsletters.mail.domains.health import findings
from newsletters.mail.domains.sending import Sending, pair_of, sending_of
from newsletters.mail.office import Office
from newsletters.mail.sign import DkimKey, UnusableKey, load_key
from newsletters.runtime import Runtime, build
from newsletters.tasks.domains import senders
from newsletters.web.domain_words import check_words, fact_words

MARKS = {Level.OK: "ok", Level.UNKNOWN: "unknown", Level.WARNING: "warning", Level.BROKEN: "broken"}
COLOURS = {Level.OK: "green", Level.UNKNOWN: "blue", Level.WARNING: "yellow", Level.BROKEN: "red"}
LONGEST_FOUND = 120


@click.command()
@click.option("--domains/--no-domains", default=True, help="Ask the DNS about the sending domains.")
def doctor(domains: bool) -> None:
    """Look at the settings, the machine and the sending domains, and say what to mend."""
    config = Config.from_env()
    runtime = build(config)
    try:
        sys.exit(examine(runtime, Office.from_config(config, runtime.signer), dns=Dns if domains else None))
    finally:
        runtime.db.close()


def examine(
    runtime: Runtime,
    office: Office,
    *,
    dns: Callable[[], Dns] | None,
    say: Callable[[str], None] = click.echo,
) -> int:
    """Say everything and return the exit status."""
    levels = []
    say(click.style("This machine", bold=True))
    for symptom in machine(runtime, office):
        levels.append(symptom.level)
        _say_symptom(symptom, say)
    if dns is not None:
        for sending in _sendings(runtime, office):
            levels += _say_domain(runtime, sending, dns, say)
        for key in waiting_keys(runtime.config):
            levels.append(_say_waiting(key, dns(), say))
    broken, warnings = levels.count(Level.BROKEN), levels.count(Level.WARNING)
    say("")
    say(f"{len(levels)} checks: {broken} broken, {warnings} with a warning.")
    return 1 if broken else 0


def _sendings(runtime: Runtime, office: Office) -> Iterator[Sending]:
    config = runtime.config
    pairs: set[Pair] = {pair_of(config.mail_from, "")}
    try:
        with runtime.db.reading() as session:
            pairs = senders(session, mail_from=config.mail_from)
    except SQLAlchemyError:
        pass  # said already; the settings' own sender can still be looked at
    single = Office.of_single_mails(config, runtime.signer)
    for pair in sorted(pairs):
        yield sending_of(pair, office=office, single=single, config=config)


def waiting_keys(config: Config) -> Iterator[DkimKey]:
    """Keys that ``dkim-key`` made and no setting names yet: next year's, or those of a new newsroom."""
    in_use = {path.resolve() for path in (*config.dkim_key, *config.single_dkim_key)}
    for path in sorted((config.data_dir / "dkim").glob("*.*.pem")):
        if path.resolve() in in_use:
            continue
        domain, _, selector = path.name.removesuffix(".pem").rpartition(".")
        with suppress(UnusableKey, OSError):  # not of our making, or not ours to read
            yield load_key(path, domain=domain, selector=selector)


def _say_waiting(key: DkimKey, dns: Dns, say: Callable[[str], None]) -> Level:
    """A key that waits breaks nothing, published or not."""
    say("")
    say(click.style(f"A key in waiting, {key_name(key)}", bold=True))
    state, _ = published(dns, key)
    if state is Published.RIGHT:
        _say_line(Level.OK, "its record is published: DKIM_KEY and DKIM_SELECTOR may name it now.", say)
        return Level.OK
    _say_line(Level.UNKNOWN, f"its record is not there yet ({state.value}).", say)
    say(
        f"           publish: {key_name(key)}. IN TXT {Record(key_name(key), 'TXT', key.dns_record()).quoted}"
    )
    return Level.UNKNOWN


def _say_symptom(symptom: Symptom, say: Callable[[str], None]) -> None:
    _say_line(symptom.level, f"{symptom.what}: {symptom.said}", say)
    if symptom.advice:
        say(f"           {symptom.advice}")


def _say_domain(
    runtime: Runtime, sending: Sending, dns: Callable[[], Dns], say: Callable[[str], None]
) -> Sequence[Level]:
    pair = sending.pair
    say("")
    to = "" if pair.reply_domain == pair.from_domain else f", answers to {pair.reply_domain}"
    say(click.style(f"Sending from {pair.from_domain}{to}", bold=True))
    if sending.is_rehearsal:
        _say_line(Level.OK, "not checked: mail goes to the local sink, or the domain is nobody's.", say)
        return [Level.OK]
    found = findings(sending, dns(), now=runtime.clock.now())
    for finding in found:
        _say_finding(finding, say)
    return [finding.level for finding in found]


def _say_finding(finding: Finding, say: Callable[[str], None]) -> None:
    _say_line(finding.level, f"{check_words(finding.check)}. {fact_words(finding)}", say)
    if finding.level is not Level.OK and finding.found:
        say(f"           found:   {_printable(finding.found[:LONGEST_FOUND])}")
    for record in finding.publish:
        say(f"           publish: {record.name}. IN {record.type} {record.quoted}")


def _say_line(level: Level, text: str, say: Callable[[str], None]) -> None:
    say(f"{click.style(MARKS[level].ljust(9), fg=COLOURS[level])}  {_printable(text)}")


def _printable(text: str) -> str:
    """What the DNS or a server said must not steer the terminal."""
    return "".join(character if character.isprintable() else "?" for character in text)
