"""Rebuild: all index rows and sums again from the facts; it gives the same rows, a test compares."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection


def rebuild(connection: Connection, owner: str, now: datetime, zone: str = "UTC") -> None:
    """Compute parties, counters, judgements, open occurrences, attendance and sums of an owner again from the facts.

    Needed when the owner's addresses change or a release judges better; links, tombstones, frozen occurrences and what
    the owner said about people stay.
    """
    raise NotImplementedError
