"""Load what rules may look at: the persons due with their history, in proportion to that history and to nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from rules.network import Network, Owner

HORIZON = timedelta(days=42)
"""How far ahead busy time is loaded: the farthest slot of a hold lies inside."""


def load(
    connection: Connection,
    owner: Owner,
    now: datetime,
    *,
    person_ids: Sequence[str] | None = None,
    is_retrospective: bool = False,
) -> Network:
    """Load the network of an owner for the persons due at `now`, or for those named, with whom they just met.

    Reads by index: the time it takes grows with the history of these persons, not with the mailbox.
    """
    raise NotImplementedError
