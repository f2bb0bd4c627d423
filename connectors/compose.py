"""A Draft into the bytes of RFC 5322: what every mail connector saves."""

from __future__ import annotations

import hashlib
import quopri
import re
from base64 import b64encode
from datetime import UTC
from email.utils import format_datetime
from typing import Final

from connectors.address_list import address_of
from connectors.port import Rejected
from rules.facts import Address
from rules.suggestions import Draft

UNSAFE: Final = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What could end a header line, for one reader or another."""
ATOMS: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~ -]+")
ID: Final = re.compile(r"[!-;=?-~]+@[!-;=?-~]+")
LONGEST_LINE: Final = 998
WIDTH: Final = 76
WORD: Final = 39
"""Bytes of UTF-8 in one encoded-word, so that a line with it stays under WIDTH (RFC 2047 section 2)."""


def compose(draft: Draft) -> bytes:
    r"""Write the draft as a message: CRLF, headers 7-bit (RFC 2047), body UTF-8; the same draft gives the same bytes.

    Nothing in it shows a recipient where it came from: no Bcc, no X- field, Message-ID as given. Raises port.Rejected
    where a field would break out of its line (CR, LF, NUL), where an address is not one, or where nobody is addressed.
    """
    if not draft.to and not draft.cc:
        raise Rejected("The draft addresses nobody.", remedy="Report it: a rule made a draft without a recipient.")
    lines = [
        f"Date: {format_datetime(draft.date.astimezone(UTC))}",
        _address_field("From", (draft.from_,)),
        *([_address_field("To", draft.to)] if draft.to else []),
        *([_address_field("Cc", draft.cc)] if draft.cc else []),
        _folded("Subject", _words(_safe("subject", draft.subject))),
        f"Message-ID: {_id(draft.message_id)}",
        *([f"In-Reply-To: {_id(draft.in_reply_to)}"] if draft.in_reply_to else []),
        *([_folded("References", [_id(name) for name in draft.references])] if draft.references else []),
        "MIME-Version: 1.0",
    ]
    return "\r\n".join(lines).encode("ascii") + b"\r\n" + _body(draft)


def _safe(field: str, text: str) -> str:
    if UNSAFE.search(text):
        raise Rejected(
            f"The {field} of the draft holds a line break or another control character, and could smuggle in a header.",
            remedy="Nothing was saved; a name or a title it was made from is not to be trusted.",
        )
    return text


def _id(message_id: str) -> str:
    if not ID.fullmatch(_safe("Message-ID", message_id)) or len(message_id) > LONGEST_LINE - 20:
        raise Rejected("The draft refers to a Message-ID that is none.", remedy="Nothing was saved.")
    return f"<{message_id}>"


def _address_field(field: str, addresses: tuple[Address, ...]) -> str:
    words: list[str] = []
    for address in addresses:
        words += [*_phrase(_safe(f"{field} name", address.name)), f"<{_spec(field, address)}>,"]
    words[-1] = words[-1].removesuffix(",")
    return _folded(field, words)


def _spec(field: str, address: Address) -> str:
    """Return an addr-spec in ASCII: a name before the @ that is not cannot be written without SMTPUTF8 (RFC 6531)."""
    known = address_of(_safe(f"{field} address", address.email), "")
    if known is None or not known.email.isascii():
        raise Rejected(
            f"An address in {field} is not one that every mail system can reach.",
            remedy="Nothing was saved; correct the address of this person.",
        )
    return known.email


def _phrase(name: str) -> list[str]:
    if not name.isascii() or "=?" in name or len(name) > WIDTH:
        return _encoded(name)
    if ATOMS.fullmatch(name):
        return name.split()
    if not name:
        return []
    quoted = name.replace("\\", "\\\\").replace('"', '\\"')
    return [f'"{quoted}"']


def _words(text: str) -> list[str]:
    """Split text for folding; blanks that folding would lose, or what looks encoded, is encoded whole."""
    words = text.split(" ")
    is_plain = text.isascii() and "=?" not in text and "" not in words and all(len(word) < WIDTH for word in words)
    return words if is_plain or not text else _encoded(text)


def _encoded(text: str) -> list[str]:
    """Write text as encoded-words, never cutting a character (RFC 2047 section 5)."""
    chunks, size = [""], 0
    for character in text:
        length = len(character.encode("utf-8", "surrogatepass"))
        if size + length > WORD:
            chunks.append("")
            size = 0
        chunks[-1] += character
        size += length
    return [f"=?utf-8?b?{b64encode(chunk.encode('utf-8', 'replace')).decode()}?=" for chunk in chunks]


def _folded(field: str, words: list[str]) -> str:
    lines, line = [], f"{field}:"
    for word in words:
        if len(line) + 1 + len(word) > WIDTH and not line.endswith(":"):
            lines.append(line)
            line = ""
        line += f" {word}"
    return "\r\n".join([*lines, line])


def _body(draft: Draft) -> bytes:
    parts = [_part("plain", draft.text)]
    if draft.html:
        parts.append(_part("html", draft.html))
    if draft.calendar:
        parts.append(_part("calendar", draft.calendar, b"; method=REQUEST"))  # last: what a calendar prefers (RFC 6047 2.4)
    if len(parts) == 1:
        return parts[0]
    named = hashlib.sha256(draft.message_id.encode() + b"".join(parts))  # in no part: it is made of all
    boundary = named.hexdigest()[:32].encode()
    opened = b'Content-Type: multipart/alternative; boundary="' + boundary + b'"\r\n\r\n'
    return opened + b"".join(b"--" + boundary + b"\r\n" + part + b"\r\n" for part in parts) + b"--" + boundary + b"--\r\n"


def _part(kind: str, text: str, more: bytes = b"") -> bytes:
    content = "\r\n".join(re.split("\r\n|\r|\n", text.rstrip("\r\n"))).encode("utf-8", "replace") + b"\r\n"
    is_plain = content.isascii() and b"\0" not in content and max(map(len, content.split(b"\r\n"))) <= WIDTH + 2
    encoding = b"7bit" if is_plain else b"quoted-printable"
    if not is_plain:
        content = quopri.encodestring(content.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n")
    head = b"Content-Type: text/" + kind.encode() + b"; charset=utf-8" + more + b"\r\nContent-Transfer-Encoding: " + encoding
    return head + b"\r\n\r\n" + content
