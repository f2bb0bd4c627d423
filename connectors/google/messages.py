"""Gmail's messages as facts: header fields and labels, never a snippet, never a body."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

from connectors import mime
from connectors.google.transport import Json
from rules.facts import MessageMetadata

FIELDS: Final = "id,threadId,labelIds,internalDate,sizeEstimate,payload/headers"
HEADERS: Final = tuple(name for name in mime.FIELDS if name != "Received")
_ROLES: Mapping[str, str] = {"SENT": "\\Sent", "DRAFT": "\\Drafts", "INBOX": "\\Inbox", "SPAM": "\\Junk", "TRASH": "\\Trash"}


def fact(message: Json) -> MessageMetadata:
    """Read a message of format=metadata. Raises mime.Unreadable where its headers make no message."""
    lines = [f"{one['name']}: {' '.join(one.get('value', '').splitlines())}" for one in headers(message)]
    raw = "\r\n".join(lines).encode("utf-8", "replace") + b"\r\n\r\n"
    return mime.parse_header(
        raw,
        remote_id=message["id"],
        labels=frozenset(_ROLES.get(label, label) for label in message.get("labelIds", ())),
        received_at=received_at(message),
        size=message.get("sizeEstimate"),
        thread_id=message.get("threadId", ""),
    )


def headers(message: Json) -> list[Json]:
    """List its header fields in their order, names in the sender's case."""
    return list(message.get("payload", {}).get("headers", ()))


def header(message: Json, name: str) -> str:
    """Return the first header field of this name, "" where there is none."""
    return next((str(one.get("value", "")) for one in headers(message) if one.get("name", "").lower() == name.lower()), "")


def received_at(message: Json) -> datetime | None:
    """Return when Google took the message (internalDate, epoch milliseconds)."""
    raw = str(message.get("internalDate", ""))
    return datetime.fromtimestamp(int(raw) / 1000, UTC) if raw.isdigit() else None


def message_id_of(message: Json) -> str:
    """Return the Message-ID without brackets, "" where there is none."""
    return header(message, "Message-ID").strip(" <>")
