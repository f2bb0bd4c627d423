"""Dates, gaps and counts as a person says them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

from rules import gaps


def ago(at: datetime | None, now: datetime) -> str:
    """Say how long ago something was: "today", "3 days ago", "7 weeks ago", "14 months ago"; "never" for None."""
    if at is None:
        return "never"
    days = (now - at).days
    if days < 0:
        return "ahead"
    if days == 0:
        return "today"
    return f"{span(timedelta(days=days))} ago"


def span(gap: timedelta | None) -> str:
    """Say a gap in its natural unit: "5 days", "3 weeks", "4 months"; "" for None."""
    return "" if gap is None else gaps.span(gap)


def counted(count: int, noun: str, nouns: str = "") -> str:
    """Say a number with its noun: "1 hold", "1,204 holds", "2 people"."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listed(names: Sequence[str]) -> str:
    """Say several names: "a", "a and b", "a, b and c"."""
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def moment(at: datetime, zone: tzinfo, now: datetime | None = None) -> str:
    """Say an instant in the owner's zone: "Tue 17 Nov 10:30"; with the year where it is another than now's."""
    local = at.astimezone(zone)
    year = "" if now is not None and local.year == now.astimezone(zone).year else f" {local.year}"
    return f"{local:%a} {local.day} {local:%b}{year} {local:%H:%M}"


def taken_for_now(at: datetime, file: Path) -> str:
    """Say that settings hold a present time of their own: whoever left it there by mistake is to see why nothing moves on."""
    return f"It is taken to be {moment(at, at.tzinfo or UTC)}, for `now` in {file} says so. Without that line the clock counts."
