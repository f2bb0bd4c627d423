"""What a folder answers to a FETCH of header fields, all of it at once, into messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.imap_fetched import Fetched, fetched_in
from connectors.imap_header import read_header
from connectors.letter import Letter, messages
from connectors.mime import Unreadable
from connectors.optional import Packing
from connectors.port import Skipped
from rules.facts import MessageMetadata


@dataclass(frozen=True, slots=True, kw_only=True)
class Packed:
    """Messages that were packed as soon as they were read."""

    remote_ids: Sequence[str]
    packed: bytes
    by: Packing

    def __len__(self) -> int:
        return len(self.remote_ids)

    def messages(self) -> list[MessageMetadata]:
        """Take them out again."""
        return list(self.by.unpack([self.packed]))


Messages = list[MessageMetadata] | Packed
Read = tuple[Messages, list[Skipped]]
"""Messages, and those that cannot be read; a remote id is UIDVALIDITY:UID."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """Reads the answers of one folder; another process may do it."""

    validity: int
    role: str

    def read(self, answer: bytes) -> tuple[list[MessageMetadata], list[Skipped]]:
        """Read the untagged responses to one command. Raises EOFError where a literal is not as long as it says."""
        found, skipped = self.letters(answer)
        return messages(found), skipped

    def letters(self, answer: bytes) -> tuple[list[MessageMetadata | Letter], list[Skipped]]:
        """Read them as letters, as far as they are usual."""
        found: list[MessageMetadata | Letter] = []
        skipped: list[Skipped] = []
        base = frozenset({self.role}) if self.role else frozenset()
        drafts = base | {"\\Drafts"}
        for row in fetched_in(answer):
            labels = drafts if b"\\Draft" in row.flags else base
            if row.labels:
                labels |= {"\\Drafts" if label == "\\Draft" else label for label in row.labels}
            try:
                found.append(self._letter(row, labels))
            except Unreadable as error:
                skipped.append(self.skipped(row.uid, str(error)))
        return found, skipped

    def skipped(self, uid: int, reason: str) -> Skipped:
        """Say that a message cannot be read."""
        return Skipped(remote_id=f"{self.validity}:{uid}", reason=reason)

    def _letter(self, row: Fetched, labels: frozenset[str]) -> MessageMetadata | Letter:
        return read_header(
            row.header,
            remote_id=f"{self.validity}:{row.uid}",
            labels=labels,
            arrived=row.arrived,
            size=row.size,
            thread_id=row.thread_id,
        )
