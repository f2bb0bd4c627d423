"""Address fields as they are found (RFC 5322 3.4 and far from it) into addresses, and no address that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from connectors.decode import LONGEST, UNSEEN, decode_words, plain_text
from rules.facts import Address

KEPT: Final = 200
"""Addresses kept of one field; the rest is only counted."""
CACHED: Final = 1 << 13
CACHED_FIELDS: Final = 1 << 11
"""Whole fields: those of one conversation come soon after each other."""
SHORT: Final = 200
"""Bytes of a field that is worth remembering: most mail is from or to few people."""

SIMPLE: Final = re.compile(
    r"""\s*(?:"([^"\\@<>\x00-\x1f\x7f-\uffff=]*)"|([^"\\@<>(),:;\x00-\x1f\x7f-\uffff]*?))\s*<([\w!#$%&'*+/=?^`{|}~.-]+@[A-Za-z0-9.-]+)>\s*$""",
    re.ASCII,
)
BARE: Final = re.compile(r"\s*([\w!#$%&'*+/=?^`{|}~.-]+@[A-Za-z0-9.-]+)\s*$", re.ASCII)
TOKEN: Final = re.compile(
    r'"(?:[^"\\]|\\.)*"?|\((?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*\)?|<[^<>]*>?|[,;:>)]|[^",;:()<>]+', re.DOTALL
)
SPEC: Final = re.compile(
    r'(?:"[^"\r\n]+"|[^\s<>()\[\],;:\\"@\x00-\x1f\x7f]{1,256})@(?:\[[0-9A-Fa-f:.]+\]|[^\s<>()\[\],;:\\"@\x00-\x1f\x7f]+)'
)
HOST: Final = re.compile(r"[!-;=A-~]+")
NOWHERE: Final = frozenset(
    {"missing_domain", ".missing-host-name.", "syntax-error", ".syntax-error.", "unspecified-domain", "missing-domain"}
)
"""What IMAP servers write where a domain is missing (c-client, Dovecot)."""
DIRECTORY: Final = re.compile(r"/o=|imceaex-|imcea[a-z]+-", re.IGNORECASE)
"""A name in somebody's Exchange directory; not an address of the outside world."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressList:
    """The first KEPT addresses of a field, and how many it names."""

    addresses: tuple[Address, ...] = ()
    count: int = 0


NOBODY: Final = AddressList()


def parse_addresses(value: bytes) -> AddressList:
    """Read an address field, folded or not.

    Groups give their members; an unquoted `Doe, Jane <j@x>` is one person; of `alice@x <bob@y>` only the address in
    angle brackets counts and the name is dropped, as it names somebody else; Exchange directory names are counted and
    not returned; what has no address gives nothing.
    """
    return _remembered(value) if len(value) <= SHORT else _read(value)


def _read(value: bytes) -> AddressList:
    pieces = value.decode("ascii").split(",") if value.isascii() else ()
    if 0 < len(pieces) <= KEPT:
        found = [*map(_simple, pieces)]
        if all(found):
            return AddressList(addresses=tuple(found), count=len(found))  # type: ignore[arg-type]  # None is nowhere in it
    return _careful(value)


_remembered = lru_cache(maxsize=CACHED_FIELDS)(_read)


@lru_cache(maxsize=CACHED)
def _simple(text: str) -> Address | None:
    """Read one plain mailbox in ASCII: the case of nearly all; None sends the whole field the careful way."""
    if match := SIMPLE.match(text.replace("\r", "").replace("\n", " ").replace("\t", " ")):
        quoted, plain, spec = match.groups()
        name = quoted or plain or ""
        return address_of(spec, decode_words(name) if "=?" in name else name)
    bare = BARE.match(text)
    return address_of(bare[1], "") if bare else None


def address_of(spec: str, name: str) -> Address | None:
    """Make an Address of an addr-spec and a decoded name; None where the spec is no address."""
    spec = spec.strip().strip("<>").strip()
    spec = spec[7:] if spec[:7].lower() == "mailto:" else spec
    if not SPEC.fullmatch(spec) or DIRECTORY.match(spec):
        return None
    local, _, domain = spec.rpartition("@")
    domain = one_form(domain)
    if not domain.strip(".") or domain in NOWHERE or len(spec) > 320:  # noqa: PLR2004 - RFC 3696 erratum 1690
        return None
    name = " ".join(UNSEEN.sub("", name).strip().strip("'").split())
    return Address(email=f"{local}@{domain}", name="" if "@" in name and SPEC.search(name) else name)


def one_form(domain: str) -> str:
    """Bring a domain into the one form that is compared: lower-case, IDNA in ASCII, no final dot."""
    domain = domain.lower().rstrip(".")
    if domain.isascii():
        return domain
    try:
        found = domain.encode("idna").decode("ascii")
    except UnicodeError:
        return domain
    return found if HOST.fullmatch(found) else ""  # a sign that IDNA maps to a blank: no such domain


def _careful(value: bytes) -> AddressList:
    """Read a field by its tokens, whatever it holds."""
    kept: list[Address] = []
    count = 0
    for address in _mailboxes(plain_text(value)):
        count += 1
        if address and len(kept) < KEPT:
            kept.append(address)
    return AddressList(addresses=tuple(kept), count=count)


def _mailboxes(text: str) -> Iterator[Address | None]:
    """Yield each address; None for a directory name, which is somebody but nobody we can write to."""
    words: list[str] = []
    comment = angle = ""
    for token in TOKEN.finditer(text):
        piece = token[0]
        match piece[0]:
            case "<":
                angle = angle or piece.strip("<> \t\r\n")
            case "(":
                comment = comment or piece.removeprefix("(").removesuffix(")")
            case ":" if _is_group(words, angle):
                words, comment = [], ""
            case "," if not angle and _is_name(words):
                words.append(piece)  # an unquoted "Doe, Jane <j@x>"
            case "," | ";":
                yield from _mailbox(words, angle, comment)
                words, comment, angle = [], "", ""
            case _:
                words.append(piece)
    yield from _mailbox(words, angle, comment)


def _is_group(words: list[str], angle: str) -> bool:
    """Tell whether the colon after these words opens a group (RFC 5322 3.4) rather than being part of an address."""
    text = "".join(words).strip()
    return not angle and bool(text) and "@" not in text and text.lower() != "mailto"


def _is_name(words: list[str]) -> bool:
    """Tell whether the words before a comma may be the first half of an unquoted name."""
    text = "".join(words).strip()
    return bool(text) and len(text) < LONGEST and "@" not in text and "," not in words and not text.startswith("/")


def _mailbox(words: list[str], angle: str, comment: str) -> Iterator[Address | None]:
    text = "".join(words)[:LONGEST].strip()
    route = angle.rpartition(":")[2] if angle.startswith("@") else angle
    spec = route or text
    if DIRECTORY.match(spec):
        yield None
        return
    if not route:
        spec, text = _last_spec(text)
    if address := address_of(spec, _name(text or comment) if text or comment else ""):
        yield address


def _last_spec(text: str) -> tuple[str, str]:
    """Split `Jane Doe j@x`, where no brackets tell, into address and name; two addresses without a comma are none."""
    found = SPEC.findall(text)
    if len(found) != 1 or text.startswith('"') != found[0].startswith('"'):
        return (found[0], text.replace(found[0], "")) if len(found) == 1 else ("", "")
    return found[0], text.replace(found[0], "")


def _name(text: str) -> str:
    """Unquote and decode a display name."""
    text = " ".join(text.replace("<", " ").replace(">", " ").removeprefix("mailto:").split())
    if '"' in text:
        text = re.sub(r'"((?:[^"\\]|\\.)*)"?', r"\1", text)
    text = re.sub(r"\\(.)", r"\1", text)
    return decode_words(text) if "=?" in text else text
