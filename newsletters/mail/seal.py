"""DKIM for many messages of one making: what they have in common is prepared once (RFC 6376 section 3.4).

Only the fields that differ are made canonical for each recipient, the hash of the body goes on from the state
behind its common beginning, and the signature field is joined from pieces of both its forms. The result is
what DkimSigner makes of the same message, byte for byte.
"""

import base64
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from newsletters.mail.canonical import canonical_field, canonical_fields, without_empty_end
from newsletters.mail.compile import CompiledMessage
from newsletters.mail.sign import DkimKey
from newsletters.mail.signature import folded, frame, signed_fields

WORTH_KEEPING_BYTES = 2048  # below that, copying a hash's state takes as long as hashing anew

Frame = tuple[bytes, bytes, bytes]


class Unsealed(NamedTuple):
    """A message that wants a signature of each key, over a SHA-256 digest: it ends a field that is begun."""

    digests: tuple[bytes, ...]
    fields: tuple[bytes, ...]
    rest: tuple[bytes, ...]

    def sealed(self, signatures: Iterable[bytes]) -> bytes:
        """The whole message."""
        head = [field + folded(one) for field, one in zip(self.fields, signatures, strict=True)]
        return b"".join((*head, *self.rest))


@dataclass(frozen=True, slots=True)
class _Form:
    """One key's signature field as it is written and as it is signed, around its moment and body hash."""

    written: Frame
    canonical: Frame


@dataclass(frozen=True, slots=True)
class _Plan:
    """For one sequence of personal fields: what is signed, in its order, and the signatures' forms."""

    signed: tuple[bytes | int, ...]  # a common field in canonical form, or the place of a personal one
    forms: tuple[_Form, ...]


class Seal:
    """Prepares the signatures of every message of one CompiledMessage."""

    def __init__(self, compiled: CompiledMessage, keys: Sequence[DkimKey]) -> None:
        self._keys = tuple(keys)
        self._head = compiled.head
        self._common = [
            field + b"\r\n" for field in canonical_fields(compiled.head.removesuffix(b"\r\n\r\n"))
        ]
        self._plans: dict[tuple[bytes, ...], _Plan] = {}
        beginning = compiled.body[0] if len(compiled.body) > 1 else b""
        is_kept = isinstance(beginning, bytes) and len(beginning) >= WORTH_KEEPING_BYTES
        self._begun = hashlib.sha256(beginning if is_kept and isinstance(beginning, bytes) else b"")
        self._kept = int(is_kept)  # pieces that are hashed already

    def draft(self, fields: Sequence[bytes], content: Sequence[bytes], *, now: datetime) -> Unsealed:
        """All but the signatures: personal ``fields``, the common head, the canonical ``content``."""
        rest = (*fields, self._head, *content)
        if not self._keys:
            return Unsealed((), (), rest)
        personal = [canonical_field(field) for field in fields]
        plan = self._plan(tuple([field.partition(b":")[0] for field in personal]))
        signed = b"".join([piece if isinstance(piece, bytes) else personal[piece] for piece in plan.signed])
        moment, body_hash = b"%d" % int(now.timestamp()), self._body_hash(content)
        around = (moment, body_hash)
        return Unsealed(
            tuple(
                [hashlib.sha256(signed + _spliced(form.canonical, *around)).digest() for form in plan.forms]
            ),
            tuple([_spliced(form.written, *around) for form in plan.forms]),
            rest,
        )

    def _body_hash(self, content: Sequence[bytes]) -> bytes:
        if not _ends_once(content[-1]):
            return base64.b64encode(hashlib.sha256(without_empty_end(b"".join(content))).digest())
        body_hash = self._begun.copy()
        for piece in content[self._kept :]:
            body_hash.update(piece)
        return base64.b64encode(body_hash.digest())

    def _plan(self, names: tuple[bytes, ...]) -> _Plan:
        plan = self._plans.get(names)
        if plan is None:
            plan = self._plans[names] = self._made_plan(names)
        return plan

    def _made_plan(self, names: tuple[bytes, ...]) -> _Plan:
        fields: list[tuple[bytes, bytes | int]] = [(name, place) for place, name in enumerate(names)]
        fields += [(field.partition(b":")[0], field) for field in self._common]
        listed, signed = signed_fields(fields)
        return _Plan(tuple(signed), tuple(_form(key, listed) for key in self._keys))


def _ends_once(last: bytes) -> bool:
    """Whether the end of a body shows that it has its one line break and no empty line behind it."""
    return last.endswith(b"\r\n") and len(last) > len(b"\r\n") and not last.endswith(b"\r\n\r\n")


def _form(key: DkimKey, names: Sequence[bytes]) -> _Form:
    written = frame(key.algorithm, domain=key.domain, selector=key.selector, names=names)
    canonical = next(canonical_fields(b"0".join(written)))
    moment, body_hash = canonical.index(b" t=0;") + len(b" t="), canonical.index(b" bh=0;") + len(b" bh=")
    return _Form(
        written,
        (canonical[:moment], canonical[moment + 1 : body_hash], canonical[body_hash + 1 :]),
    )


def _spliced(frame: Frame, moment: bytes, body_hash: bytes) -> bytes:
    before, between, behind = frame
    return b"".join((before, moment, between, body_hash, behind))
