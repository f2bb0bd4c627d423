"""Names for suggestions: the same owner, rule, cause and address always give the same key, and nothing else does."""

from __future__ import annotations

from base64 import b32hexencode
from hashlib import sha256

from rules.suggestions import Key

LENGTH = 26
"""Characters of a key: 130 bits of SHA-256 in base32hex (RFC 4648 section 7), lower case."""


def key(owner: str, rule: str, cause: str, address: str) -> Key:
    """Make the key of a suggestion. `owner` is the NAME of [owners.NAME], `address` a match key."""
    digest = sha256(b"".join(_framed(part) for part in (owner, rule, cause, address))).digest()
    return Key(b32hexencode(digest).decode("ascii").lower()[:LENGTH])


def message_id(key: Key, domain: str) -> str:
    """Return the Message-ID (RFC 5322 3.6.4) of the draft with that key, without angle brackets."""
    return f"{key}@{domain}"


def text_mark(text: str) -> str:
    """Return a mark by which two mails are known to say the same, whoever they greet; "" for a mail that says nothing."""
    said = text.partition("\n\n")[2].strip()
    return sha256(said.encode("utf-8", "surrogatepass")).hexdigest()[:16] if said else ""


def _framed(part: str) -> bytes:
    """Return the text with its length in front, so that no two lists of parts run together."""
    text = part.encode("utf-8", "surrogatepass")
    return len(text).to_bytes(8, "big") + text
