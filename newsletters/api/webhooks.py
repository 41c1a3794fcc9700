"""Where mail providers report bounces and complaints: one address each, closed until its secret is set.

Every request is verified on the bytes as they came, must be of these minutes, and is taken once. What cannot
be verified is answered with 401 and changes nothing, whatever was wrong with it; what is genuine and cannot
be read goes into quarantine and is answered with 200, for sending it again would not help. When we cannot
take it, 503 asks the provider to come back.
"""

import hashlib
import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import lru_cache

from flask import Response, jsonify, request
from sqlalchemy.exc import SQLAlchemyError

from newsletters import context
from newsletters.api.amazon import Amazon
from newsletters.api.door import blueprint, signed_by_provider
from newsletters.api.pinned import FetchFailed
from newsletters.api.taking import NOTHING_READ, Taken, take
from newsletters.bounces.providers import mailgun, postmark, sendgrid, ses, sns
from newsletters.bounces.providers.report import NotGenuine, Reading, Unreadable, moment
from newsletters.kernel.outage import RETRY_AFTER_SECONDS

Answer = tuple[Response, int]

log = logging.getLogger(__name__)
amazon = Amazon()


@blueprint.post("/ses")
@signed_by_provider
def ses_events() -> Answer:
    """Amazon SES, by way of an SNS topic of ours."""
    return _answer("ses", "WEBHOOK_SES_TOPICS", context.runtime().config.webhook_ses_topics, _ses)


@blueprint.post("/postmark")
@signed_by_provider
def postmark_events() -> Answer:
    """Postmark, with a user and password in the address it was given."""
    logins = context.runtime().config.webhook_postmark_login
    response, status = _answer("postmark", "WEBHOOK_POSTMARK_LOGIN", logins, _postmark)
    if status == 401:
        response.headers["WWW-Authenticate"] = 'Basic realm="webhooks", charset="UTF-8"'
    return response, status


@blueprint.post("/mailgun")
@signed_by_provider
def mailgun_events() -> Answer:
    """Mailgun, signed with its webhook signing key."""
    return _answer("mailgun", "WEBHOOK_MAILGUN_KEY", context.runtime().config.webhook_mailgun_key, _mailgun)


@blueprint.post("/sendgrid")
@signed_by_provider
def sendgrid_events() -> Answer:
    """SendGrid's signed event webhook."""
    return _answer(
        "sendgrid", "WEBHOOK_SENDGRID_KEY", context.runtime().config.webhook_sendgrid_key, _sendgrid
    )


def _answer(
    source: str, setting: str, secrets: tuple[str, ...], receive: Callable[[bytes, tuple[str, ...]], None]
) -> Answer:
    if not secrets:
        _say_closed(source, setting)
        return _said("closed", 401)
    raw = request.get_data()
    try:
        receive(raw, secrets)
    except (NotGenuine, Unreadable) as error:
        log.warning("a request to the %s webhook was refused: %s", source, error)
        return _said("refused", 401)
    except sendgrid.UnusableVerificationKey as error:
        log.error("the %s webhook is closed: %s is %s", source, setting, error)
        return _said("closed", 401)
    except FetchFailed as error:
        log.warning("the %s webhook could not ask back: %s", source, error)
        return _said("try again", 503)
    except SQLAlchemyError:
        log.exception("the %s webhook could not keep what it heard", source)
        return _said("try again", 503)
    return _said("taken", 200)


@lru_cache
def _say_closed(source: str, setting: str) -> None:
    """Once in the life of a process: providers try again for hours."""
    log.warning("the %s webhook is closed: %s is not set", source, setting)


def _said(status: str, code: int) -> Answer:
    response = jsonify(status=status)
    if code == 503:
        response.headers["Retry-After"] = str(RETRY_AFTER_SECONDS)
    return response, code


def _ses(raw: bytes, topics: tuple[str, ...]) -> None:
    message = sns.read_message(raw, topics=topics)
    sns.verify(message, amazon.certificate(message), now=context.now())
    _be_of_now(moment(message.fields["Timestamp"]))
    if message.kind == sns.SUBSCRIPTION:
        amazon.confirm(message)
        log.info("the subscription to an SNS topic is confirmed")
    elif message.kind == sns.UNSUBSCRIBED:
        log.warning("the subscription to an SNS topic has ended; its bounces are no longer heard of")
    else:
        _take("ses", message.fields["MessageId"], raw, lambda: ses.read_ses(message.fields["Message"]))


def _postmark(raw: bytes, logins: tuple[str, ...]) -> None:
    postmark.verify_postmark(request.headers.get("Authorization", ""), logins=logins)
    _take("postmark", _hash(raw), raw, lambda: postmark.read_postmark(raw))


def _mailgun(raw: bytes, keys: tuple[str, ...]) -> None:
    signature = mailgun.verify_mailgun(raw, keys=keys)
    _be_of_now(signature.at)
    _take("mailgun", signature.token, raw, lambda: mailgun.read_mailgun(raw))


def _sendgrid(raw: bytes, keys: tuple[str, ...]) -> None:
    signed_at = sendgrid.verify_sendgrid(
        raw,
        signature=request.headers.get(sendgrid.SIGNATURE_HEADER, ""),
        timestamp=request.headers.get(sendgrid.TIMESTAMP_HEADER, ""),
        keys=keys,
    )
    _be_of_now(signed_at)
    _take("sendgrid", _hash(raw), raw, lambda: sendgrid.read_sendgrid(raw))


def _take(source: str, token: str, raw: bytes, read: Callable[[], Reading]) -> None:
    try:
        reading, unreadable = read(), ""
    except Unreadable as error:
        reading, unreadable = NOTHING_READ, str(error)
    take(Taken(source=source, token=token, raw=raw, reading=reading, unreadable=unreadable))


def _be_of_now(signed_at: datetime | None) -> None:
    tolerance = timedelta(seconds=context.runtime().config.webhook_tolerance_seconds)
    if signed_at is None or abs(context.now() - signed_at) > tolerance:
        raise NotGenuine("not of now")


def _hash(raw: bytes) -> str:
    return hashlib.sha256(raw).hexdigest()
