"""What one writes first: a Jinja template, an EmailMessage, dkimpy and smtplib, for each reader anew.

Nothing is kept between two messages but the connection and the compiled templates; it signs with RSA-2048
alone and keeps no books.
"""

import smtplib
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate
from pathlib import Path

import dkim
from jinja2 import Environment, Template

from benchmarks.newsroom import MESSAGE_BYTES, PUBLIC_URL
from benchmarks.programs import Programs
from benchmarks.sink import Sink

WORDS = "The bridge over the river was closed on Monday; the council says that it will stay so."
DOMAIN = "newsroom.example"
SIGNED = [b"from", b"to", b"subject", b"date", b"message-id", b"list-unsubscribe", b"list-unsubscribe-post"]


class Naive:
    """The pipeline, with as many paragraphs as make a message of 30 KB."""

    def __init__(self, key: Path) -> None:
        self._key = key.read_bytes()
        self._paragraphs = 1
        while len(self.build(1)) < MESSAGE_BYTES:
            self._paragraphs += 1

    def rate(self, programs: Programs, *, messages: int) -> float:
        """Messages a second through one connection, as smtp-sink saw them."""
        with Sink(programs) as sink, smtplib.SMTP("127.0.0.1", sink.port) as server:
            text, html = self._templates()
            for number in range(messages):
                raw = self._message(number, text, html)
                server.sendmail(f"b+{number}@{DOMAIN}", [_reader(number)], self._signed(raw))
            sink.wait_for(messages, seconds=10)
            return sink.rate()

    def build(self, number: int) -> bytes:
        """One message, unsigned."""
        return self._message(number, *self._templates())

    def _templates(self) -> tuple[Template, Template]:
        environment = Environment(autoescape=True)
        link = f"<a href='{PUBLIC_URL}/unsubscribe/{{{{ token }}}}'>Unsubscribe</a>"
        text = "Dear {{ name }},\n\n" + f"{WORDS}\n\n" * self._paragraphs
        html = "<p>Dear {{ name }},</p>" + f"<p>{WORDS}</p>\n" * self._paragraphs + link
        return environment.from_string(text), environment.from_string(html)

    def _message(self, number: int, text: Template, html: Template) -> bytes:
        values = {"name": f"Reader {number}", "token": f"{number:032x}"}
        message = EmailMessage(policy=SMTP)
        message["From"] = f"Explaining Ukraine <explaining@{DOMAIN}>"
        message["To"] = f"{values['name']} <{_reader(number)}>"
        message["Subject"] = "The bridge, and what it carries"
        message["Date"] = formatdate()
        message["Message-ID"] = f"<issue.1.{number}@{DOMAIN}>"
        message["List-Unsubscribe"] = f"<{PUBLIC_URL}/unsubscribe/{values['token']}>"
        message["List-Unsubscribe-Post"] = "List-Unsubscribe=One-Click"
        message.set_content(text.render(values))
        message.add_alternative(html.render(values), subtype="html")
        return message.as_bytes()

    def _signed(self, raw: bytes) -> bytes:
        signature: bytes = dkim.sign(raw, b"r1", DOMAIN.encode(), self._key, include_headers=SIGNED)
        return signature + raw


def _reader(number: int) -> str:
    return f"reader{number}@mail{number % 5000}.example"
