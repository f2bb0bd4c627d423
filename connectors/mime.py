"""Header bytes into MessageMetadata, whoever wrote them: every connector that sees raw mail reads it here."""

from __future__ import annotations

import re
from datetime import datetime
from typing import Final

from connectors.address_list import NOBODY, AddressList, parse_addresses
from connectors.dates import EPOCH, read_date, sent
from connectors.decode import flat_parameters, text_of
from rules.facts import MessageMetadata

__all__ = ["FIELDS", "MAX_HEADER", "Unreadable", "parse_header", "read_date"]

MAX_HEADER: Final = 16 * 1024 * 1024
"""A longer header block is skipped with its reason: 100,000 recipients need 4 MB."""

TOO_LONG: Final = f"its header is larger than {MAX_HEADER >> 20} MB"

FIELDS: Final = (
    "From", "Sender", "Reply-To", "To", "Cc", "Bcc", "Date", "Subject", "Message-ID", "In-Reply-To", "References",
    "List-Id", "List-Post", "List-Unsubscribe", "Precedence", "Auto-Submitted", "X-Auto-Response-Suppress", "Return-Path",
    "Feedback-ID", "Content-Type", "Received", "X-Autoreply", "X-Autorespond", "X-Google-Group-Id", "X-Campaign", "X-Campaign-Id",
    "X-CampaignID", "X-Mailgun-Sid", "X-SES-Outgoing", "X-SG-EID", "X-MC-User", "Content-Class", "X-Loop", "X-MS-Exchange-Calendar-Series-Id",
)  # fmt: skip
"""The header fields worth asking a provider for, in the usual spelling; anything else in `raw` is ignored."""

BULK_FIELDS: Final = frozenset(name.lower() for name in FIELDS[FIELDS.index("X-Autoreply") :])
NOT_READ: Final = b"""MIME-Version Mime-Version Content-Transfer-Encoding Received-SPF Delivered-To X-Mailer User-Agent X-Received
    Content-Language X-Google-DKIM-Signature X-Gm-Message-State X-Google-Smtp-Source X-GM-THRID X-Gmail-Labels Thread-Index
    Thread-Topic X-Spam-Status""".split()
"""The usual fields we pass over: naming them saves asking for them in lower case."""
WANTED: Final[dict[bytes, str]] = dict.fromkeys(NOT_READ, "") | {
    spelling.encode(): name.lower() for name in FIELDS for spelling in (name, name.lower(), name.upper(), name.title())
}
TEXTS: Final = frozenset(
    {
        "subject",
        "list-id",
        "list-post",
        "list-unsubscribe",
        "precedence",
        "auto-submitted",
        "x-auto-response-suppress",
        "return-path",
    }
    | {"feedback-id", "content-type"}
)

FIELD: Final = re.compile(
    rb"\n(?:(?!Received:|DKIM-|ARC-|Authentication-|MIME-V|Content-Tr|X-Rec)([!-9;-~]++)[ \t]*+:[ \t]*+(.*+(?:\n[ \t].*+)*+)|\n(?s:.*))"
)
"""One field, or the empty line with all that follows: a body is no field."""
IDS: Final = re.compile(r"<\s*+([!-;=?A-~]*+@[!-;=?-~]*+)\s*+>", re.ASCII)
"""Ids in ASCII: what is neither blank nor bracket, with an @ in it."""
MESSAGE_ID: Final = re.compile(rb"<\s*([^<>\x00-\x1f\x7f]*[^<>\s\x00-\x1f\x7f])\s*>")
USUAL_ID: Final = re.compile(rb"<([\w.!#$%&'*+/^`{|}~=-]{1,400}@[\w.-]{1,255})>\s*")
KEPT_REFERENCES: Final = 50
LONGEST_ID: Final = 998
"""Bytes; RFC 5322 2.1.1. What is longer is no Message-ID."""

Fields = dict[str, bytes]


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
    fields = read_fields(raw)
    get = fields.get
    from_ = parse_addresses(get("from", b"")).addresses
    sender = parse_addresses(fields["sender"]).addresses if "sender" in fields else ()
    if not (from_ or sender or get("date") or get("message-id")):
        raise Unreadable("it has no header that mail has")
    to, cc, bcc = people_in(get("to")), people_in(get("cc")), people_in(get("bcc"))
    texts = {name: text_in(fields[name]) for name in TEXTS & fields.keys()}
    sent_at, offset = sent(get("date", b""), received_at, raw)
    return MessageMetadata(
        remote_id=remote_id,
        message_id=_message_id(fields),
        sent_at=sent_at or EPOCH,
        sent_offset=offset,
        from_=from_,
        sender=sender[0] if sender else None,
        reply_to=people_in(get("reply-to")).addresses,
        to=to.addresses,
        cc=cc.addresses,
        bcc=bcc.addresses,
        recipients=to.count + cc.count + bcc.count,
        subject=texts.get("subject", ""),
        in_reply_to=ids(get("in-reply-to")),
        references=ids(get("references")),
        thread_id=thread_id,
        labels=labels,
        size=size,
        list_id=texts.get("list-id", ""),
        list_post=texts.get("list-post", ""),
        list_unsubscribe=texts.get("list-unsubscribe", ""),
        precedence=texts.get("precedence", ""),
        auto_submitted=texts.get("auto-submitted", ""),
        auto_response_suppress=texts.get("x-auto-response-suppress", ""),
        return_path=texts.get("return-path", ""),
        feedback_id=texts.get("feedback-id", ""),
        content_type=flat_parameters(texts.get("content-type", "")),
        bulk_headers=frozenset() if BULK_FIELDS.isdisjoint(fields) else _bulk(fields),
    )


def _bulk(fields: Fields) -> frozenset[str]:
    """Name the fields only machines write; Exchange puts Content-Class on every mail, and only its calendar's is a machine's."""
    found = BULK_FIELDS.intersection(fields)
    is_plain = "content-class" in found and b"calendarmessage" not in fields["content-class"].lower()
    return found - {"content-class"} if is_plain else found


def read_fields(raw: bytes) -> Fields:
    """Split a header block into the fields we know, by lower-case name; of a field that may stand once, the first counts.

    To, Cc, Bcc and Reply-To that stand several times are joined, so that nobody is lost; a second From is not: it would
    let a sender pass as somebody else.
    """
    if len(raw) > MAX_HEADER:
        raise Unreadable(TOO_LONG)
    fields: Fields = {}
    for name, value in FIELD.findall(head_of(raw)):
        known = WANTED.get(name)
        if known is None:
            known = WANTED.get(name.lower(), "")
        if not known:
            continue
        if known not in fields:
            fields[known] = value
        elif known in {"to", "cc", "bcc", "reply-to"}:
            fields[known] += b", " + value
        elif known == "from" and not parse_addresses(fields[known]).addresses:
            fields[known] = value
    if not fields:
        raise Unreadable("it is not mail" if b"\0" in raw[:1024] else "it has no header that mail has")
    return fields


def ids(value: bytes | None) -> tuple[str, ...]:
    """Return the Message-IDs named in In-Reply-To or References, in order, once each; of a long chain both its ends."""
    if not value:
        return ()
    if value.isascii() and len(value) <= LONGEST_ID:
        return ids_in(value.decode("ascii"))
    found = dict.fromkeys(clean_id(match) for match in MESSAGE_ID.findall(value) if b"@" in match)
    return _both_ends(tuple(name for name in found if name))


def ids_in(text: str) -> tuple[str, ...]:
    """Return them where the field is ASCII of no more than LONGEST_ID bytes."""
    return _both_ends(tuple(dict.fromkeys(IDS.findall(text))))


def _both_ends(found: tuple[str, ...]) -> tuple[str, ...]:
    return found if len(found) <= KEPT_REFERENCES else (found[0], *found[1 - KEPT_REFERENCES :])


def clean_id(raw: bytes) -> str:
    """Return a Message-ID without brackets and blanks; "" where it is absurdly long."""
    if len(raw) > LONGEST_ID:
        return ""
    if raw.isascii() and b" " not in raw and b"=?" not in raw and b"\t" not in raw:
        return raw.decode("ascii")
    return "".join(text_of(raw).split())


def head_of(raw: bytes) -> bytes:
    """Begin every line with its line break, and end it with nothing else."""
    if raw.find(b"\r") >= 0:  # `in` takes four times as long
        raw = raw.partition(b"\n\r\n")[0].replace(b"\r\n", b"\n").removesuffix(b"\r")
    return raw if raw[:1] == b"\n" else b"\n" + raw


def _message_id(fields: Fields) -> str:
    value = fields.get("message-id", b"")
    if usual := USUAL_ID.fullmatch(value):
        return usual[1].decode("ascii")
    if bracketed := MESSAGE_ID.search(value):
        found = clean_id(bracketed[1])
    else:
        bare = value.strip().strip(b"<>")
        found = clean_id(bare) if b"@" in bare and b" " not in bare else ""
    if found and found != "@":
        return found
    import hashlib  # noqa: PLC0415 - few mails need it, and it takes 3 MB of every process that reads mail

    named = b"\0".join(fields.get(name, b"").strip() for name in ("from", "date", "subject", "to"))
    return f"sha256.{hashlib.sha256(named).hexdigest()}@missing.invalid"


def people_in(value: bytes | None) -> AddressList:
    """Return whom an address field names."""
    return parse_addresses(value) if value else NOBODY


def text_in(value: bytes) -> str:
    """Return the text of a field."""
    if value.isascii() and value.find(b"=?") < 0 and (text := value.decode("ascii")).isprintable():
        return text.rstrip()
    return text_of(value)
