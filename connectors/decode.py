"""Header bytes into text, however they were encoded: RFC 2047, RFC 2231, RFC 6532, raw 8-bit, and what is none of these."""

from __future__ import annotations

import binascii
import codecs
import re
from functools import lru_cache
from typing import Final
from urllib.parse import unquote_to_bytes

WORD: Final = re.compile(r"=\?([^?\s*]{1,60})(?:\*[^?\s]{0,40})?\?([bBqQ])\?([^?\r\n]*)\?=")
"""An encoded-word with RFC 2231's language suffix; blanks inside are illegal and seen."""
GAP: Final = re.compile(r"(?<=\?=)\s+(?==\?[^?\s]{1,100}\?[bBqQ]\?)")
FOLD: Final = re.compile(r"[ \t]*[\r\n]+[ \t]*")
UNSEEN: Final = re.compile(r"[\x00-\x1f\x7f-\x9f\u00ad\u061c\u180e\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]")
"""Controls, bidi overrides and invisible characters: in a name or a subject they only ever deceive. (ZWJ, ZWNJ spell words.)"""

LONGEST: Final = 1 << 14
"""Bytes of one value that are looked at: no subject or name is longer."""

ALIASES: Final = {
    "gb2312": "gb18030", "gbk": "gb18030", "x-gbk": "gb18030", "ks_c_5601-1987": "cp949", "euc-kr": "cp949", "x-sjis": "cp932",
    "shift_jis": "cp932", "iso-8859-1": "cp1252", "us-ascii": "utf-8", "ascii": "utf-8", "utf8mb4": "utf-8", "unicode-1-1-utf-7": "utf-7",
    "iso-8859-8-i": "iso-8859-8", "iso-8859-8-e": "iso-8859-8", "x-mac-roman": "mac-roman", "x-unknown": "utf-8", "unknown-8bit": "utf-8",
    "default": "utf-8", "iso-2022-jp": "iso2022_jp_ext", "x-user-defined": "cp1252", "windows-31j": "cp932",
}  # fmt: skip
"""Charset labels that mean more than they say, as browsers read them (encoding.spec.whatwg.org)."""
NO_CHARSETS: Final = frozenset({"unicode_escape", "raw_unicode_escape", "punycode", "idna", "undefined", "mbcs", "oem"})


def text_of(value: bytes) -> str:
    """Decode, unfold and clean one header value; never raises, never returns a control character."""
    text = plain_text(value[:LONGEST]).replace("\t", " ")
    if "\n" in text or "\r" in text:
        text = FOLD.sub(" ", text)
    if "=?" in text:
        text = decode_words(text)
    return text.strip() if text.isprintable() else UNSEEN.sub("", text).strip()


def plain_text(value: bytes) -> str:
    """Read bytes as UTF-8 (RFC 6532), else as the Latin-1 that old senders wrote; never U+FFFD."""
    for charset in ("utf-8", "cp1252"):
        try:
            return value.decode(charset)
        except UnicodeDecodeError:
            continue
    return value.decode("latin-1")


@lru_cache(maxsize=1 << 9)
def decode_words(text: str) -> str:
    """Decode the encoded-words of RFC 2047 in a text; what cannot be decoded stays as it stands."""
    text = GAP.sub("", text)
    pieces: list[str] = []
    waiting: list[bytes] = []
    charset, end = "", 0
    for word in WORD.finditer(text):
        if waiting and (word.start() != end or word[1].lower() != charset):
            pieces.append(_decoded(b"".join(waiting), charset))
            waiting.clear()
        pieces.append(text[end : word.start()])
        charset, end = word[1].lower(), word.end()
        waiting.append(_payload(word[2], word[3]))  # a character may be cut between two words: join bytes, then decode
    return "".join([*pieces, _decoded(b"".join(waiting), charset), text[end:]])


def flat_parameters(value: str) -> str:
    """Write RFC 2231 parameters (`method*0=RE; method*1=QUEST`, `name*=utf-8''x`) as the plain ones they stand for."""
    if "*" not in value:
        return value
    parts: dict[str, str] = {}
    head, *rest = value.split(";")
    for part in rest:
        name, _, content = part.strip().partition("=")
        plain, star, _ = name.partition("*")
        content = content.strip().strip('"')
        if star and name.endswith("*"):
            charset, quote, tail = content.partition("'")
            content = _decoded(unquote_to_bytes(tail.partition("'")[2] if quote else content), charset if quote else "utf-8")
        parts[plain.lower()] = (parts.get(plain.lower(), "") if star else "") + content
    return UNSEEN.sub("", "; ".join([head, *(f"{name}={content}" for name, content in parts.items())]))


def _payload(encoding: str, content: str) -> bytes:
    if encoding in "qQ":
        return binascii.a2b_qp(content.encode("utf-8", "surrogateescape").replace(b" ", b"_"), header=True)
    packed = re.sub(r"[^A-Za-z0-9+/]", "", content).encode()
    packed = packed[: len(packed) - 1] if len(packed) % 4 == 1 else packed
    return binascii.a2b_base64(packed + b"=" * (-len(packed) % 4))


def _decoded(content: bytes, charset: str) -> str:
    if not content:
        return ""
    try:
        codec = codecs.lookup(ALIASES.get(charset.lower(), charset))
        is_charset = codec._is_text_encoding and codec.name.replace("-", "_") not in NO_CHARSETS  # noqa: SLF001 - zip and rot13 are codecs too
        return str(codec.decode(content, "strict")[0]) if is_charset else plain_text(content)
    except (LookupError, UnicodeError, ValueError):
        return plain_text(content)
