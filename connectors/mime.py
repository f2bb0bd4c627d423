"""Header bytes into MessageMetadata, whoever wrote them: every connector that sees raw mail reads it here."""

from __future__ import annotations

from datetime import datetime

from rules.facts import MessageMetadata

FIELDS = (
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject", "Message-ID", "In-Reply-To", "References",
    "List-Id", "List-Post", "List-Unsubscribe", "Precedence", "Auto-Submitted", "X-Auto-Response-Suppress", "Return-Path",
    "Feedback-ID", "Content-Type", "Received", "X-Autoreply", "X-Autorespond", "X-Google-Group-Id", "X-Campaign-Id",
    "X-CampaignID", "X-Mailgun-Sid", "X-SES-Outgoing", "X-SG-EID", "X-MC-User", "Content-Class",
)  # fmt: skip
"""The header fields worth asking a provider for, in the usual spelling; anything else in `raw` is ignored."""


class Unreadable(ValueError):
    """A message that cannot be told; the text is the reason in the owner's words, for Skipped."""


def parse_header(
    raw: bytes,
    *,
    remote_id: str,
    labels: frozenset[str] = frozenset(),
    received_at: datetime | None = None,
    size: int | None = None,
    thread_id: str = "",
) -> MessageMetadata:
    """Read one header block (with or without its empty line; LF or CRLF; a body after it is not looked at).

    `received_at` (aware UTC) is when the provider took it (INTERNALDATE, internalDate, From_ line); absurd Date fields
    are clamped to it, or to the newest Received field where it is None. Raises Unreadable only where it is no message
    at all: over MAX_HEADER bytes, binary junk, or neither a sender nor a date.
    """
    raise NotImplementedError
