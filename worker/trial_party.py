"""What a trial keeps of one address, and who takes part in mails that come from the same to the same: worked out once."""

from __future__ import annotations

from array import array
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from rules.people import Observation, Sighting
from rules.signals import Signal
from worker.trial_diary import mark_of

CIRCLE: Final = 8
"""Messages to more people say little about who knows whom."""
KEPT_COMPANY: Final = 42
"""One more, and a dict takes twice the room; those most often there are among the first."""
FAR: Final = 0xFFFF
KEPT_NAMES: Final = 16


@dataclass(slots=True)
class Acquaintance:
    """One address, and what was seen of it."""

    email: str
    counts: defaultdict[str, int] = field(default_factory=lambda: defaultdict(int))
    names: dict[str, int] = field(default_factory=dict)
    gaps: array[int] = field(default_factory=lambda: array("H"))
    """Which interactions it has part in: from number to number so far, and FAR where it goes on."""
    last_row: int = 0
    """The last of their numbers, which outlives them."""
    mails: list[bytes] = field(default_factory=list)
    """The newest, as of trial_kept."""
    offsets: dict[int, int] = field(default_factory=dict)
    """UTC offset in seconds of what it wrote -> how often."""
    company: dict[str, int] = field(default_factory=dict)

    def touch(self, number: int) -> None:
        """Note that it has part in an interaction; the numbers ascend."""
        gap = number - self.last_row
        while gap >= FAR:
            self.gaps.append(FAR)
            gap -= FAR
        self.gaps.append(gap)
        self.last_row = number

    def rows(self) -> array[int]:
        """Return the numbers of the interactions it has part in, ascending."""
        return array("I", (number for number, gap in zip(accumulate(self.gaps), self.gaps, strict=True) if gap != FAR))

    def see(self, sighting: Sighting, times: int) -> None:
        """Add up what so many messages show of it."""
        counts = self.counts
        for tally in sighting.tallies:
            counts[tally] += times
        name, names = sighting.address.name, self.names
        if name in names:
            names[name] += times
        elif name and len(names) < KEPT_NAMES:
            names[name] = times

    def meet(self, own: str, keys: Sequence[str], times: int) -> None:
        """Note who was on so many messages together with it, which is there under its `own` key."""
        company = self.company
        for key in keys:
            if key in company:
                company[key] += times
            elif key != own and len(company) < KEPT_COMPANY:
                company[key] = times


class Party:
    """Who takes part in mails with the same senders' fields to the same people."""

    __slots__ = ("_is_met", "_known", "_met", "_seen", "away", "is_in", "is_touched", "mark", "seen", "touched")

    def __init__(self, seen: Observation, addresses: dict[str, Acquaintance]) -> None:
        """Take what one such mail shows, and the addresses known so far; those that are new are added."""
        self.seen = seen
        self._known = [_known(addresses, sighting) for sighting in seen.sightings]
        self.touched = [known for known, one in zip(self._known, seen.sightings, strict=True) if one.direction != "none"]
        """Those the owner was in touch with by it."""
        self.is_touched = seen.direction != "none"
        self.is_in = seen.direction == "in"
        is_absence = not self.is_touched and seen.signals & Signal.ANSWERED_BY_MACHINE
        self.away = tuple(one.key for one in seen.sightings if one.role == "from") if is_absence else ()
        """Whose machine says that they are away."""
        self.mark = mark_of(seen.recipients, is_out=seen.direction == "out")
        self._seen = self._met = 0
        self._is_met = False
        self._add(1)

    def see(self) -> None:
        """Count one more such mail."""
        self._seen += 1

    def meet(self) -> None:
        """Count one as an interaction. The first says whom they know; of the others only the number counts."""
        self._met += 1
        if not self._is_met:
            self._is_met = True
            self._introduce()

    def add_up(self) -> None:
        """Pass on what was counted."""
        if self._seen:
            self._add(self._seen)
            self._seen = 0
        if self._met:
            self._introduce()

    def _add(self, times: int) -> None:
        for known, sighting in zip(self._known, self.seen.sightings, strict=True):
            known.see(sighting, times)

    def _introduce(self) -> None:
        sightings = self.seen.sightings
        if 1 < len(sightings) <= CIRCLE:
            keys = [sighting.key for sighting in sightings]
            for own, known in zip(keys, self._known, strict=True):
                known.meet(own, keys, self._met)
        self._met = 0


def _known(addresses: dict[str, Acquaintance], sighting: Sighting) -> Acquaintance:
    known = addresses.get(sighting.key)
    if known is None:
        known = addresses[sighting.key] = Acquaintance(sighting.address.email)
    return known
