"""Outlook's messages as facts: the envelope Graph gives, and the header fields where they are needed to tell machines."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Final

from connectors import mime
from connectors.microsoft.graph import Json
from rules.facts import Address, MessageMetadata

SELECT: Final = (
    "id,internetMessageId,conversationId,subject,from,sender,replyTo,toRecipients,ccRecipients,bccRecipients,sentDateTime,receivedDateTime,"
    "isDraft,parentFolderId,changeKey,internetMessageHeaders"
)
_MOST: Final = 200


def fact(message: Json, *, role: str) -> MessageMetadata:
    """Read one message of the folder with this role. Raises mime.Unreadable where its headers make no message."""
    labels = frozenset(filter(None, (role, "\\Drafts" if message.get("isDraft") else "")))
    headers = message.get("internetMessageHeaders")
    received = moment(message.get("receivedDateTime")) or moment(message.get("sentDateTime"))
    if headers:
        lines = (f"{one['name']}: {' '.join(str(one.get('value', '')).splitlines())}" for one in headers)
        raw = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"
        return mime.parse_header(
            raw, remote_id=message["id"], labels=labels, received_at=received, thread_id=message.get("conversationId", "")
        )
    to, cc, bcc = (_addresses(message.get(field, ())) for field in ("toRecipients", "ccRecipients", "bccRecipients"))
    from_ = _addresses([message["from"]]) if message.get("from") else ()
    sender = _addresses([message["sender"]]) if message.get("sender") else ()
    return MessageMetadata(
        remote_id=message["id"],
        message_id=str(message.get("internetMessageId") or "").strip(" <>") or _made_up(message),
        sent_at=moment(message.get("sentDateTime")) or received or datetime.fromtimestamp(0, UTC),
        from_=from_,
        sender=sender[0] if sender and sender != from_ else None,
        reply_to=_addresses(message.get("replyTo", ())),
        to=to[:_MOST],
        cc=cc[:_MOST],
        bcc=bcc[:_MOST],
        recipients=len(to) + len(cc) + len(bcc),
        subject=str(message.get("subject") or ""),
        thread_id=message.get("conversationId", ""),
        labels=labels,
        content_type="text/calendar" if "eventMessage" in str(message.get("@odata.type", "")) else "",
    )


def moment(raw: object) -> datetime | None:
    """Read an instant (`2026-11-17T09:00:00Z`, seven fraction digits allowed) as aware UTC; None where it is none."""
    if not isinstance(raw, str) or not raw:
        return None
    head, _, _ = raw.partition(".")
    try:
        return datetime.fromisoformat(head.removesuffix("Z")).replace(tzinfo=UTC)
    except ValueError:
        return None


def _addresses(raw: Iterable[Mapping[str, Mapping[str, str]]]) -> tuple[Address, ...]:
    found = (one.get("emailAddress", {}) for one in raw)
    return tuple(
        Address(email=one["address"], name=one.get("name", "") if one.get("name") != one["address"] else "")
        for one in found
        if "@" in (one.get("address") or "")
    )


def _made_up(message: Json) -> str:
    text = "\n".join(str(message.get(key, "")) for key in ("from", "sentDateTime", "subject", "toRecipients"))
    return f"sha256.{hashlib.sha256(text.encode()).hexdigest()}@missing.invalid"
