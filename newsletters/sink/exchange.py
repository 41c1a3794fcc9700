"""What the sink's HTTP side is asked and what it answers, without sockets."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
EVERYWHERE = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",  # no-referrer would turn our own forms' Origin into null
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What was asked. Header names are lower case."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered."""

    status: int
    body: bytes
    headers: Mapping[str, str]

    @classmethod
    def of(cls, status: int, body: bytes, content_type: str, **headers: str) -> "Answer":
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cls(status, body, {**EVERYWHERE, "Content-Type": content_type, **named})

    @classmethod
    def of_text(cls, status: int, text: str) -> "Answer":
        return cls.of(status, f"{text}\n".encode(), "text/plain; charset=utf-8")

    @classmethod
    def of_json(cls, value: object, *, status: int = 200) -> "Answer":
        return cls.of(
            status, json.dumps(value, ensure_ascii=False).encode("utf-8", "replace"), "application/json"
        )

    @classmethod
    def of_html(cls, html: str, *, status: int = 200) -> "Answer":
        return cls.of(status, html.encode("utf-8", "replace"), "text/html; charset=utf-8")

    @classmethod
    def see(cls, location: str) -> "Answer":
        return cls.of(303, b"", "text/plain; charset=utf-8", Location=location)
