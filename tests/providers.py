"""Mail providers for tests: each signs as the real one does, with keys of its own."""

import base64
import hashlib
import hmac
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID

from tests.conftest import NOW

TOPIC = "arn:aws:sns:eu-west-1:123456789012:newsroom-bounces"
FOREIGN_TOPIC = "arn:aws:sns:eu-west-1:999999999999:somebody-elses"
SNS_HOST = "sns.eu-west-1.amazonaws.com"
CERTIFICATE_URL = f"https://{SNS_HOST}/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem"
MAILGUN_KEY = "key-of-mailgun-0123456789"
POSTMARK_LOGIN = "postmark:a-long-password-of-ours"
SIGNED = {
    "Notification": ("Message", "MessageId", "Subject", "Timestamp", "TopicArn", "Type"),
    "SubscriptionConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
    "UnsubscribeConfirmation": (
        "Message", "MessageId", "SubscribeURL", "Timestamp", "Token", "TopicArn", "Type",
    ),
}  # fmt: skip


@dataclass
class Sns:
    """Amazon's message service in one region."""

    key: rsa.RSAPrivateKey = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    valid_until: datetime = NOW + timedelta(days=300)

    @cached_property
    def certificate(self) -> bytes:
        name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sns.amazonaws.com")])
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(self.key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(NOW - timedelta(days=300))
            .not_valid_after(self.valid_until)
            .sign(self.key, hashes.SHA256())
        )
        return made.public_bytes(serialization.Encoding.PEM)

    def notification(self, message: Any = "", **fields: Any) -> bytes:
        """A signed notification; ``fields`` replace or, as None, remove what it says before it is signed."""
        written = message if isinstance(message, str) else json.dumps(message)
        return self.signed({"Type": "Notification", "Message": written, **fields})

    def confirmation(self, **fields: Any) -> bytes:
        """A signed offer of a subscription."""
        return self.signed(
            {
                "Type": "SubscriptionConfirmation",
                "Message": "You have chosen to subscribe",
                "Token": "t" * 64,
                "SubscribeURL": f"https://{SNS_HOST}/?Action=ConfirmSubscription&TopicArn={TOPIC}&Token=t",
                **fields,
            }
        )

    def signed(self, fields: Mapping[str, Any]) -> bytes:
        body = {
            "MessageId": "22b80b92-fdea-4c2c-8f9d-bdfb0c7bf324",
            "TopicArn": TOPIC,
            "Timestamp": NOW.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
            "SignatureVersion": "2",
            "SigningCertURL": CERTIFICATE_URL,
            **fields,
        }
        body = {name: value for name, value in body.items() if value is not None}
        names = SIGNED.get(body.get("Type", ""), ())
        text = "".join(f"{name}\n{body[name]}\n" for name in names if name in body)
        algorithm = hashes.SHA256() if body.get("SignatureVersion") == "2" else hashes.SHA1()  # noqa: S303
        signature = self.key.sign(text.encode(), padding.PKCS1v15(), algorithm)
        body.setdefault("Signature", base64.b64encode(signature).decode())
        return json.dumps(body).encode()


def ses_bounce(address: str, **fields: Any) -> dict[str, Any]:
    """A notification of Amazon SES about a dead address."""
    mail = {
        "timestamp": "2026-03-02T08:59:00.000Z",
        "messageId": "0102018-ses",
        "source": fields.pop("source", "somebody@newsroom.example"),
        "commonHeaders": {"messageId": fields.pop("message_id", "")},
    }
    bounce = {
        "bounceType": "Permanent",
        "bounceSubType": "General",
        "bouncedRecipients": [
            {
                "emailAddress": address,
                "action": "failed",
                "status": "5.1.1",
                "diagnosticCode": "smtp; 550 5.1.1 user unknown",
            }
        ],
        "timestamp": "2026-03-02T08:59:30.000Z",
        "feedbackId": "0102018-feedback",
        **fields,
    }
    return {"notificationType": "Bounce", "bounce": bounce, "mail": mail}


def ses_complaint(address: str, **fields: Any) -> dict[str, Any]:
    """A notification of Amazon SES about a reader who pressed "spam"."""
    mail = {
        "source": fields.pop("source", "somebody@newsroom.example"),
        "commonHeaders": {"messageId": fields.pop("message_id", "")},
    }
    complaint = {
        "complainedRecipients": [{"emailAddress": address}],
        "timestamp": "2026-03-02T08:59:30.000Z",
        "feedbackId": "0102018-complaint",
        "complaintFeedbackType": "abuse",
        **fields,
    }
    return {"notificationType": "Complaint", "complaint": complaint, "mail": mail}


def mailgun_body(
    event: Mapping[str, Any], *, token: str = "a" * 50, at: datetime = NOW, key: str = MAILGUN_KEY
) -> bytes:
    """An event under a signature that does not cover it."""
    stamp = str(int(at.timestamp()))
    signature = hmac.new(key.encode(), f"{stamp}{token}".encode(), hashlib.sha256).hexdigest()
    return json.dumps(
        {"signature": {"timestamp": stamp, "token": token, "signature": signature}, "event-data": event}
    ).encode()


def mailgun_failure(address: str, *, message_id: str = "", **fields: Any) -> dict[str, Any]:
    return {
        "event": "failed",
        "id": "mailgun-event-1",
        "severity": "permanent",
        "reason": "bounce",
        "recipient": address,
        "timestamp": NOW.timestamp(),
        "delivery-status": {"code": 550, "message": "5.1.1 No such user", "enhanced-code": "5.1.1"},
        "message": {"headers": {"message-id": message_id.strip("<>")}},
        **fields,
    }


def postmark_bounce(address: str, **fields: Any) -> dict[str, Any]:
    return {
        "RecordType": "Bounce",
        "ID": 692560173,
        "Type": "HardBounce",
        "TypeCode": 1,
        "Email": address,
        "Details": "smtp;550 5.1.1 The email account that you tried to reach does not exist",
        "BouncedAt": "2026-03-02T08:59:30.9070259Z",
        "Metadata": {},
        **fields,
    }


def basic(login: str = POSTMARK_LOGIN) -> dict[str, str]:
    return {"Authorization": f"Basic {base64.b64encode(login.encode()).decode()}"}


@dataclass
class SendGrid:
    """SendGrid's signed event webhook."""

    key: ec.EllipticCurvePrivateKey = field(default_factory=lambda: ec.generate_private_key(ec.SECP256R1()))

    @property
    def public(self) -> str:
        raw = self.key.public_key().public_bytes(
            serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        return base64.b64encode(raw).decode()

    def headers(self, raw: bytes, *, at: datetime = NOW) -> dict[str, str]:
        stamp = str(int(at.timestamp()))
        signature = self.key.sign(stamp.encode() + raw, ec.ECDSA(hashes.SHA256()))
        return {
            "X-Twilio-Email-Event-Webhook-Signature": base64.b64encode(signature).decode(),
            "X-Twilio-Email-Event-Webhook-Timestamp": stamp,
            "Content-Type": "application/json",
        }


def sendgrid_bounce(address: str, **fields: Any) -> dict[str, Any]:
    return {
        "email": address,
        "timestamp": int(datetime(2026, 3, 2, 8, 59, tzinfo=UTC).timestamp()),
        "event": "bounce",
        "type": "bounce",
        "status": "5.1.1",
        "reason": "550 5.1.1 The email account that you tried to reach does not exist",
        "sg_event_id": "sendgrid-event-1",
        "smtp-id": "",
        **fields,
    }
