"""Every SMTP reply the sink gives of its own accord, with enhanced codes (RFC 2034, RFC 3463).

What aiosmtpd answers to broken syntax is aiosmtpd's own.
"""

IDENT = "local sink, delivers nothing"
SENDER_OK = "250 2.1.0 Sender OK"
RECIPIENT_OK = "250 2.1.5 Recipient OK"
GO_AHEAD = "354 End data with <CR><LF>.<CR><LF>"
DATA_TAKES_NO_ARGUMENT = "501 5.5.4 Syntax: DATA"
NEED_RECIPIENT = "503 5.5.1 Need RCPT first"
NO_RECIPIENT = "553 5.1.3 The null path receives no mail"
NEED_SMTPUTF8 = "553 5.6.7 Address is not ASCII and SMTPUTF8 was not asked for"  # RFC 6531 section 3.5
TOO_BIG = "552 5.3.4 Message is larger than SIZE allows"
NOT_KEPT = "451 4.3.0 The sink could not keep the message"
CONFUSED = "451 4.3.0 The sink met an error of its own; see its log"
GREYLISTED = "451 4.7.1 Greylisted, come back later"
GARBAGE = b"\xff\xfe%&!? this is no SMTP reply \x07"

LONG_REPLY_LINES = 200
LONG_REPLY_WIDTH = 500  # RFC 5321 section 4.5.3.1.5 allows 512 octets with code and line end


def accepted(sequence: int) -> str:
    return f"250 2.0.0 Kept as {sequence}"


def refused(*, code: int, enhanced: str) -> str:
    """The reply of a fault somebody asked for."""
    described = "Service not available, closing" if code == 421 else "Refused as asked"
    return f"{code} {enhanced or f'{code // 100}.0.0'} {described}"


def at_length(reply: str) -> str:
    """The same reply with very much text before it, as one multi-line reply."""
    code, _, _ = reply.partition(" ")
    line = f"{code}-".ljust(LONG_REPLY_WIDTH, "x")
    return "\r\n".join([line] * LONG_REPLY_LINES + [reply])
