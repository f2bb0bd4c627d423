"""What a folder answers to a FETCH of header fields, all of it at once, into messages."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.imap_fetched import USUAL, epoch_of, fetched_in
from connectors.imap_header import read_header, read_text
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
        read_up_to = self._usual(answer.decode("latin-1"), found, skipped)
        for row in fetched_in(answer[read_up_to:]):  # from the first that is told in another way on, nothing is taken for granted
            labels = self._labels(is_draft=b"\\Draft" in row.flags)
            if row.labels:
                labels |= {"\\Drafts" if label == "\\Draft" else label for label in row.labels}
            try:
                found.append(
                    read_header(
                        row.header,
                        remote_id=f"{self.validity}:{row.uid}",
                        labels=labels,
                        arrived=row.arrived,
                        size=row.size,
                        thread_id=row.thread_id,
                    )
                )
            except Unreadable as error:
                skipped.append(self.skipped(row.uid, str(error)))
        return found, skipped

    def _usual(self, text: str, found: list[MessageMetadata | Letter], skipped: list[Skipped]) -> int:
        """Read those that are told in the usual way, and return where they end. In the text every byte is a character.

        So what is cut out of it is text, and lies where it lay. How far a header goes nothing but its length tells.
        """
        at, validity = 0, f"{self.validity}:"
        labels, drafts = self._labels(is_draft=False), self._labels(is_draft=True)
        while head := USUAL.match(text, at):
            uid, flags, day, clock, second, zone, size, length = head.groups()
            begun = head.end()
            end = begun + int(length)
            if not text.startswith(")\r\n", end):
                break
            at, marks = end + 3, drafts if "\\Draft" in flags else labels
            try:
                found.append(read_text(text[begun:end], validity + uid, marks, epoch_of(day, clock, second, zone), int(size), ""))
            except Unreadable as error:
                skipped.append(self.skipped(int(uid), str(error)))
        return at

    def _labels(self, *, is_draft: bool) -> frozenset[str]:
        return frozenset({self.role, "\\Drafts"} if is_draft else {self.role}) - {""}

    def skipped(self, uid: int, reason: str) -> Skipped:
        """Say that a message cannot be read."""
        return Skipped(remote_id=f"{self.validity}:{uid}", reason=reason)
