"""How a DKIM-Signature field is written, and which fields it covers (RFC 6376 sections 3.5 and 5.4)."""

import base64
from collections.abc import Sequence
from typing import TypeVar

OVERSIGNED = (
    b"from", b"to", b"cc", b"subject", b"date", b"message-id", b"reply-to", b"mime-version", b"content-type",
    b"content-transfer-encoding", b"list-unsubscribe", b"list-unsubscribe-post",
)  # fmt: skip
SIGNED = (b"list-id", b"feedback-id", b"auto-submitted")
Field = TypeVar("Field")


def signed_fields(fields: Sequence[tuple[bytes, Field]]) -> tuple[list[bytes], list[Field]]:
    """The names of h= and the fields they stand for, out of names and fields as they stand in the head.

    Of several fields with one name the last comes first (section 5.4.2).
    """
    names: list[bytes] = []
    covered: list[Field] = []
    for name in (*OVERSIGNED, *SIGNED):
        here = [field for named, field in fields if named == name]
        names += [name] * len(here)
        covered += reversed(here)
    return [*names, *OVERSIGNED], covered


def frame(
    algorithm: str, *, domain: str, selector: str, names: Sequence[bytes]
) -> tuple[bytes, bytes, bytes]:
    """The field around its moment (t=) and its body hash (bh=), as far as the signature itself."""
    lines = [b":".join(names[start : start + 4]) for start in range(0, len(names), 4)]
    return (
        f"DKIM-Signature: v=1; a={algorithm}; c=relaxed/relaxed;\r\n d={domain}; s={selector}; t=".encode(),
        b";\r\n h=" + b":\r\n  ".join(lines) + b";\r\n bh=",
        b";\r\n b=",
    )


def folded(signature: bytes) -> bytes:
    """The signature itself and the end of the field."""
    written = base64.b64encode(signature)
    return b"\r\n ".join([written[start : start + 72] for start in range(0, len(written), 72)]) + b"\r\n"
