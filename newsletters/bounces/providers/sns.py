"""Amazon SNS: whether a message was signed by Amazon for a topic of ours. Pure.

SignatureVersion 2 alone (SHA-256); version 1 is SHA-1 and refused. Amazon signs messages of every
account, so a signature says nothing by itself: the topic must be on our list, and the certificate must
come from the SNS host of that very topic's region. Fetching it is the door's work.
"""

import base64
import binascii
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from urllib.parse import urlsplit

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from newsletters.bounces.providers.report import NotGenuine, an_object, parse_json

NOTIFICATION: Final = "Notification"
SUBSCRIPTION: Final = "SubscriptionConfirmation"
UNSUBSCRIBED: Final = "UnsubscribeConfirmation"
SHORTEST_KEY_BITS: Final = 2048
_SIGNED: Final[Mapping[str, tuple[str, ...]]] = {
    NOTIFICATION: ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    SUBSCRIPTION: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
    UNSUBSCRIBED: ("Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type"),
}
_OPTIONAL: Final = frozenset({"Subject"})
_TOPIC: Final = re.compile(
    r"arn:aws:sns:(?P<region>[a-z]{2}(?:-[a-z]+)+-\d{1,2}):\d{12}:[A-Za-z0-9_.-]{1,256}"
)
_CERTIFICATE_PATH: Final = re.compile(r"/SimpleNotificationService-[0-9a-f]{8,64}\.pem")


@dataclass(frozen=True, slots=True)
class SnsMessage:
    """A message as it was posted, with every field that its signature covers."""

    kind: str
    fields: Mapping[str, str]
    signature: bytes
    certificate_url: str

    @property
    def topic(self) -> str:
        return self.fields["TopicArn"]

    @property
    def host(self) -> str:
        """The one host that may vouch for this topic."""
        return sns_host(self.topic)

    def string_to_sign(self) -> bytes:
        names = _SIGNED[self.kind]
        return "".join(f"{name}\n{self.fields[name]}\n" for name in names if name in self.fields).encode()


def is_topic(written: str) -> bool:
    """Whether this is the ARN of an SNS topic in Amazon's public regions."""
    return _TOPIC.fullmatch(written) is not None


def sns_host(topic: str) -> str:
    """``sns.<region>.amazonaws.com``. Raises NotGenuine."""
    found = _TOPIC.fullmatch(topic)
    if found is None:
        raise NotGenuine("no topic")
    return f"sns.{found['region']}.amazonaws.com"


def read_message(raw: bytes, *, topics: Collection[str]) -> SnsMessage:
    """The message in ``raw``, for one of ``topics`` and with a certificate from where it must be.

    Raises Unreadable, NotGenuine. Nothing is verified yet.
    """
    found = an_object(parse_json(raw))
    kind = found.get("Type")
    if not isinstance(kind, str) or kind not in _SIGNED:
        raise NotGenuine("no type")
    message = SnsMessage(kind, _fields(found, kind), _signature(found), str(found.get("SigningCertURL", "")))
    if message.topic not in topics:
        raise NotGenuine("a foreign topic")
    if not is_certificate_url(message.certificate_url, host=message.host):
        raise NotGenuine("a certificate from elsewhere")
    return message


def is_certificate_url(url: str, *, host: str) -> bool:
    """Whether ``url`` is where ``host`` keeps its signing certificates."""
    return _is_at(url, host) and _CERTIFICATE_PATH.fullmatch(urlsplit(url).path) is not None


def is_subscribe_url(url: str, *, host: str) -> bool:
    """Whether ``url`` confirms a subscription at ``host`` and does nothing else."""
    if not _is_at(url, host):
        return False
    parts = urlsplit(url)
    return parts.path == "/" and "Action=ConfirmSubscription" in parts.query.split("&")


def verify(message: SnsMessage, certificate: bytes, *, now: datetime) -> None:
    """Check the signature under a certificate that came from the right place. Raises NotGenuine."""
    try:
        found = x509.load_pem_x509_certificate(certificate)
        key = found.public_key()
    except ValueError as error:
        raise NotGenuine("no certificate") from error
    if not found.not_valid_before_utc <= now <= found.not_valid_after_utc:
        raise NotGenuine("a certificate out of date")
    if not isinstance(key, rsa.RSAPublicKey) or key.key_size < SHORTEST_KEY_BITS:
        raise NotGenuine("a weak key")
    try:
        key.verify(message.signature, message.string_to_sign(), padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        raise NotGenuine("a wrong signature") from None


def _fields(found: Mapping[str, Any], kind: str) -> dict[str, str]:
    fields = {}
    for name in _SIGNED[kind]:
        value = found.get(name)
        if value is None and name in _OPTIONAL:
            continue
        if not isinstance(value, str):
            raise NotGenuine(f"{name} is missing")
        fields[name] = _whole(value)
    return fields


def _whole(value: str) -> str:
    """What JSON may spell and UTF-8 cannot write was never signed."""
    try:
        value.encode()
    except UnicodeEncodeError:
        raise NotGenuine("broken letters") from None
    return value


def _signature(found: Mapping[str, Any]) -> bytes:
    if found.get("SignatureVersion") != "2":
        raise NotGenuine("SignatureVersion is not 2")
    try:
        return base64.b64decode(str(found.get("Signature", "")), validate=True)
    except (binascii.Error, ValueError):
        raise NotGenuine("no signature") from None


def _is_at(url: str, host: str) -> bool:
    """HTTPS at exactly this host: no other port, no user, no fragment, no tricks with white space."""
    if not url.startswith(f"https://{host}/") or not url.isascii() or not url.isprintable() or " " in url:
        return False
    try:
        parts = urlsplit(url)
        return parts.netloc == host and not parts.fragment and parts.scheme == "https"
    except ValueError:
        return False
