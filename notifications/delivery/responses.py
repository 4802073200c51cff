"""What an SMTP response is about: the recipient, the message, or the sender and the server.

Follows the enhanced status codes of RFC 3463 and, where the server gives none, the reply codes of RFC 5321.
"""

import re
import smtplib
from enum import StrEnum


class Cause(StrEnum):
    """UNCLEAR is the sender or this one message: only the responses to other recipients tell."""

    RECIPIENT = "recipient"
    MESSAGE = "message"
    SENDER = "sender"
    UNCLEAR = "unclear"


_ENHANCED = re.compile(r"\A5\.(\d{1,3})\.(\d{1,3})\b")
_RELAY = re.compile(r"\brelay", re.IGNORECASE)
_ADDRESS = re.compile(r"\S+@\S+")
CLOSING = 421

# The most specific code decides: subject and detail, then subject. In response to RCPT TO and DATA, a server that
# refuses the sender cannot be told from one with a rule against this recipient or this text.
_BY_DETAIL = {(1, 7): Cause.UNCLEAR, (1, 8): Cause.UNCLEAR, (3, 4): Cause.MESSAGE, (2, 3): Cause.MESSAGE}
_BY_SUBJECT = {
    1: Cause.RECIPIENT,
    2: Cause.RECIPIENT,
    3: Cause.UNCLEAR,
    4: Cause.RECIPIENT,
    5: Cause.UNCLEAR,
    6: Cause.MESSAGE,
    7: Cause.UNCLEAR,
}
_ABOUT_MAILBOX = (1, 2)
# Syntax, sequence and authentication: these rarely depend on the recipient or the text.
_SENDER_CODES = {500, 501, 502, 503, 504, 521, 523, 530, 534, 535, 538}
_TOO_LARGE = 552


def cause_of(exc: smtplib.SMTPException, code: int, response: str) -> Cause:
    """What the response is about, from the command that it answers and its codes."""
    if code == CLOSING:
        return Cause.SENDER

    # In response to MAIL FROM, only the size can be the fault of the message.
    enhanced = _ENHANCED.match(response)
    detail = (int(enhanced[1]), int(enhanced[2])) if enhanced else None
    if isinstance(exc, smtplib.SMTPSenderRefused):
        too_large = code == _TOO_LARGE if detail is None else detail == (3, 4)
        return Cause.MESSAGE if too_large else Cause.SENDER

    # In response to RCPT TO, a code about the mailbox wins over all others.
    to_recipient = isinstance(exc, smtplib.SMTPRecipientsRefused)
    if to_recipient and detail is not None and detail[0] in _ABOUT_MAILBOX and detail not in _BY_DETAIL:
        return Cause.RECIPIENT

    # Some servers reject relaying with a code for the recipient, or with none. Addresses may contain the word.
    if code in _SENDER_CODES or _RELAY.search(_ADDRESS.sub("", response)):
        return Cause.UNCLEAR
    default = Cause.RECIPIENT if to_recipient else Cause.MESSAGE
    if detail is None:
        return default
    return _BY_DETAIL.get(detail, _BY_SUBJECT.get(detail[0], default))
