"""``dkim-key``: makes DKIM keys, and says what to publish and what to set (RFC 6376, 8301, 8463).

A key is never overwritten: mail signed with it may still be on its way. Private keys are readable by their
owner alone, from their first byte on.
"""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from config import Config
from newsletters.mail.domains.dkim import key_name
from newsletters.mail.domains.findings import Record
from newsletters.mail.headers import wire_address
from newsletters.mail.sign import SHORTEST_RSA_BITS, DkimKey, PrivateKey, load_key

ALGORITHMS: Final = ("rsa", "ed25519")
_LETTERS: Final = frozenset("abcdefghijklmnopqrstuvwxyz0123456789-")


@dataclass(frozen=True, slots=True)
class MadeKey:
    """A key and the file it was written to."""

    key: DkimKey
    path: Path

    @property
    def record(self) -> Record:
        return Record(key_name(self.key), "TXT", self.key.dns_record())


@click.command("dkim-key")
@click.option("--selector", required=True, help="A name for the key in the DNS, as 2026a: new for every key.")
@click.option("--algorithm", type=click.Choice([*ALGORITHMS, "both"]), default="both", show_default=True)
@click.option("--domain", default="", help="Signing domain; DKIM_DOMAIN or the sender's by default.")
@click.option(
    "--out", type=click.Path(path_type=Path, file_okay=False), help="Folder; DATA_DIR/dkim by default."
)
def dkim_key(selector: str, algorithm: str, domain: str, out: Path | None) -> None:
    """Make DKIM keys and print the DNS records and settings that belong to them."""
    config = Config.from_env()
    if not is_selector(selector):
        raise click.ClickException("A selector is made of small letters, digits and hyphens, up to 50.")
    domain = domain or config.dkim_domain or wire_address(config.mail_from).rpartition("@")[2]
    chosen = ALGORITHMS if algorithm == "both" else (algorithm,)
    try:
        made = make_keys(out or config.data_dir / "dkim", domain=domain, selector=selector, algorithms=chosen)
    except FileExistsError as error:
        raise click.ClickException(f"{error.filename} is there already. Choose another selector.") from error
    except OSError as error:
        raise click.ClickException(f"{error.filename}: {error.strerror}") from error
    for line in explanation(made, config):
        click.echo(line)


def is_selector(written: str) -> bool:
    """Whether this is one label of the DNS, with room for the name of an algorithm behind it."""
    return bool(written) and len(written) <= 50 and set(written) <= _LETTERS and written.strip("-") == written


def make_keys(
    folder: Path, *, domain: str, selector: str, algorithms: Sequence[str] = ALGORITHMS
) -> list[MadeKey]:
    """Write new keys into ``folder``. Raises FileExistsError before anything is written, OSError."""
    names = [f"{selector}-{one}" if len(algorithms) > 1 else selector for one in algorithms]
    paths = [folder / f"{domain}.{name}.pem" for name in names]
    for path in paths:
        if path.exists():
            raise FileExistsError(17, "File exists", str(path))
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    for path, algorithm in zip(paths, algorithms, strict=True):
        _write(path, _new_key(algorithm))
    return [
        MadeKey(load_key(path, domain=domain, selector=name), path)
        for path, name in zip(paths, names, strict=True)
    ]


def explanation(made: Sequence[MadeKey], config: Config) -> Iterator[str]:
    """What to do now: publish, wait, set, and much later take the old record away."""
    old = list(zip(config.dkim_key, config.dkim_selector, strict=False))
    yield "1. Publish in the DNS (one TXT record each; join the strings if your provider takes long values):"
    for one in made:
        yield ""
        yield f"   {one.record.name}. IN TXT ({one.record.quoted})"
    yield ""
    yield "2. When “python -m newsletters.cli doctor” finds them, set these and restart:"
    yield ""
    yield f"   DKIM_KEY={','.join(str(one.path) for one in made)}"
    yield f"   DKIM_SELECTOR={','.join(one.key.selector for one in made)}"
    if made[0].key.domain != wire_address(config.mail_from).rpartition("@")[2]:
        yield f"   DKIM_DOMAIN={made[0].key.domain}"
    yield ""
    yield from _retiring(old)


def _retiring(old: Sequence[tuple[Path, str]]) -> Iterator[str]:
    if not old:
        yield "3. Back up the key files. Make new ones with a new selector once a year."
        return
    selectors = ", ".join(selector for _, selector in old)
    yield f"3. Leave the records of the old keys ({selectors}) in the DNS for a week after that: mail signed"
    yield "   with them is still on its way. Then publish them with an empty p= and delete the files:"
    for path, _ in old:
        yield f"   {path}"


def _new_key(algorithm: str) -> PrivateKey:
    if algorithm == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=SHORTEST_RSA_BITS)
    return ed25519.Ed25519PrivateKey.generate()


def _write(path: Path, key: PrivateKey) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
