"""Which folders a mailbox has and what they are for: SPECIAL-USE first, then the names people's servers really use."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from unicodedata import normalize

from connectors.port import CursorExpired, Feed, Rejected, Unavailable
from connectors.roles import SEPARATORS, role_of
from connectors.standards.namespaces import Namespaces
from connectors.standards.session import Session, quoted, shown

ROLES = ("\\All", "\\Archive", "\\Drafts", "\\Flagged", "\\Junk", "\\Sent", "\\Trash")
_LIST = re.compile(rb'\* (?:LIST|XLIST) \(([^)]*)\) (?:"((?:[^"\\]|\\.)*)"|NIL) (.*)\Z', re.DOTALL)
_CONTROL = re.compile(rb"[\x00-\x1f\x7f]")
_STATUS = re.compile(rb"\* STATUS (.*) \(([^()]*)\)\s*\Z", re.DOTALL)
UNREAD_ROLES = frozenset({"\\Drafts", "\\Junk", "\\Trash", "\\Flagged"})
"""Never read as history: unsent, unwanted, thrown away, or only a second view of the same mail."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Folder:
    """One selectable folder with its role and its STATUS counters, where the server gave them."""

    id: str
    name: str
    role: str
    status: Mapping[str, int]
    is_of_others: bool = False
    """It is another user's, who lets the owner look into it."""
    usual: str = ""
    """The role it has by itself, also where the owner has given that to another."""

    @property
    def hint(self) -> str:
        """What changes whenever something in the folder does; "" where the server has no way to say."""
        if not {"UIDVALIDITY", "UIDNEXT", "MESSAGES"} <= self.status.keys():
            return ""
        return ".".join(str(self.status.get(word, 0)) for word in ("UIDVALIDITY", "UIDNEXT", "MESSAGES", "HIGHESTMODSEQ"))

    def feed(self) -> Feed:
        """Show it to the worker."""
        return Feed(id=self.id, name=self.name, role=self.role, hint=self.hint)


def listed(session: Session, *, overrides: Mapping[str, str]) -> tuple[Folder, ...]:
    """List the folders with one LIST-STATUS (RFC 5819) where the server can, else LIST and STATUS one by one.

    `overrides` maps a role to the wire name the owner gave for it.
    """
    words = b"MESSAGES UIDNEXT UIDVALIDITY" + (b" HIGHESTMODSEQ" if session.capabilities & {"CONDSTORE", "QRESYNC"} else b"")
    has_use, has_status = "SPECIAL-USE" in session.capabilities, "LIST-STATUS" in session.capabilities
    is_extended = has_status or "LIST-EXTENDED" in session.capabilities
    options = [b"SPECIAL-USE"] * has_use + [b"STATUS (" + words + b")"] * has_status
    suffix = b" RETURN (" + b" ".join(options) + b")" if is_extended and options else b""
    verb = b"XLIST" if "XLIST" in session.capabilities and not has_use else b"LIST"
    responses = session.command(verb + b' "" "*"' + suffix, "listing the folders")
    if not has_status:
        for name, _ in _rows(responses):
            try:
                responses += session.command(b"STATUS " + quoted(name) + b" (" + words + b")", f"asking about {shown(name)}")
            except (Rejected, CursorExpired, Unavailable) as error:  # one may not look at it, it has just gone, or it alone is ill
                if error.__cause__ is not None:  # not refused, but broken off
                    raise
    return _told(tuple(tuple(response) for response in responses), tuple(overrides.items()), session.namespaces)


@lru_cache(maxsize=1 << 3)
def _told(
    responses: tuple[tuple[bytes, ...], ...], overrides: tuple[tuple[str, str], ...], places: Namespaces
) -> tuple[Folder, ...]:
    """Read what the server told of its folders, once: to a poll without news it says the very same."""
    rows, statuses = _rows(responses), dict(_statuses(responses))
    names = [name for name, _ in rows]
    own = _own_first(rows, places)
    roles, usual = _roles(own, {role: as_listed(names, wanted) for role, wanted in overrides}), _roles(own, {})
    return tuple(
        Folder(
            id=name,
            name=shown(name),
            role=roles.get(name, ""),
            status=statuses.get(name, {}),
            is_of_others=places.of(name)[0] == "others",
            usual=usual.get(name, ""),
        )
        for name, _ in rows
    )


def as_listed(names: Collection[str], wanted: str) -> str:
    """Return the wire name of a folder the owner has named, as the server spells it: some do so in plain UTF-8, against the rules.

    Where it has no such folder, the name is as the rules would have it (RFC 3501 5.1.3).
    """
    meant = normalize("NFC", shown(wanted))
    return wanted if wanted in names else next((each for each in names if normalize("NFC", shown(each)) == meant), wanted)


def own_prefix(session: Session) -> str:
    """Say how the wire names of an owner's own folders begin (RFC 2342): "" or as in `INBOX.`."""
    return next(iter(session.namespaces.own), "")


def readable(folders: Iterable[Folder], chosen: frozenset[str]) -> tuple[Folder, ...]:
    r"""Keep the folders that are history: the chosen ones, else \All and what it lacks, else all but drafts, junk and trash.

    Those of other users are read only where they are chosen, or named as what they are for.
    """
    folders = tuple(folders)
    if chosen:
        names = [folder.id for folder in folders]
        wanted = {as_listed(names, each) for each in chosen}
        return tuple(folder for folder in folders if folder.id in wanted)
    folders = tuple(folder for folder in folders if folder.role or not folder.is_of_others)
    everything = tuple(folder for folder in folders if folder.role == "\\All")
    kept = everything or tuple(folder for folder in folders if (folder.role or folder.usual) not in UNREAD_ROLES)
    return tuple(sorted(kept, key=lambda folder: (folder.role not in ("\\Sent", "\\Inbox"), folder.role, folder.id)))


def _rows(responses: Iterable[Sequence[bytes]]) -> list[tuple[str, frozenset[bytes]]]:
    return [row for response in responses if (row := _row(response)) and not {b"\\noselect", b"\\nonexistent"} & row[1]]


def _row(response: Sequence[bytes]) -> tuple[str, frozenset[bytes]] | None:
    match = _LIST.match(response[0])
    if match is None:
        return None
    name = response[1] if len(response) > 1 else _unquoted(match[3].strip())
    if _CONTROL.search(name):
        return None  # no command could say it
    return name.decode("latin-1"), frozenset(word.lower() for word in match[1].split())


def _unquoted(raw: bytes) -> bytes:
    return re.sub(rb"\\(.)", rb"\1", raw[1:-1]) if raw.startswith(b'"') else raw


def _statuses(responses: Iterable[Sequence[bytes]]) -> Iterable[tuple[str, dict[str, int]]]:
    for response in responses:
        text = b"".join(response[::2]) if len(response) == 1 else b"* STATUS x" + response[-1].rstrip()
        match = _STATUS.match(text)
        if match is not None and response[0].startswith(b"* STATUS"):
            name = response[1] if len(response) > 1 else _unquoted(match[1].strip())
            words = match[2].split()
            yield (
                name.decode("latin-1"),
                {word.decode().upper(): int(value) for word, value in zip(words[::2], words[1::2], strict=False)},
            )


def _own_first(rows: Iterable[tuple[str, frozenset[bytes]]], places: Namespaces) -> list[tuple[str, frozenset[bytes]]]:
    """Keep the owner's own folders, which alone are for something of theirs: INBOX first, then those with the fewest above them."""

    def depth(row: tuple[str, frozenset[bytes]]) -> int:
        return -1 if row[0].upper() == "INBOX" else len(SEPARATORS.split(shown(places.of(row[0])[1])))

    return sorted((row for row in rows if places.of(row[0])[0] == "own"), key=depth)


def _roles(rows: Iterable[tuple[str, frozenset[bytes]]], overrides: Mapping[str, str]) -> dict[str, str]:
    """Give each role to one folder: the owner's word, then the server's attribute, then a name in the owner's language."""
    found: dict[str, str] = {}
    taken = set(overrides)
    for name, attributes in rows:
        role = next((role for role in ROLES if role.lower().encode() in attributes), "")
        role = {b"\\allmail": "\\All", b"\\spam": "\\Junk"}.get(next(iter(attributes & {b"\\allmail", b"\\spam"}), b""), role)
        if role and role not in taken:
            found[name] = role
            if role != "\\Sent":
                taken.add(role)
    taken |= set(found.values())
    for name, _ in rows:
        role = "\\Inbox" if name.upper() == "INBOX" else role_of(shown(name))
        if role and name not in found and role not in taken:
            found[name] = role
            taken.add(role)
    return found | {name: role for role, name in overrides.items()}
