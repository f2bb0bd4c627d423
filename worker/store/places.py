"""Places: the city each person was last met in, asked only while a trip lies ahead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from sqlalchemy import Connection, select

from rules.trips import city_of
from worker.store.mapping import event_of
from worker.store.meetings import Name
from worker.store.statements import chunks
from worker.store.tables import event, occurrence

LATEST = 8
"""Of so many held meetings with a person the last one that names a city counts."""


def cities(connection: Connection, owner: str, held: Mapping[str, Sequence[Name]]) -> dict[str, str]:
    """Return the city each person was last met in, by the key of `held`: their held meetings, newest first."""
    names = {name for meetings in held.values() for name in meetings[:LATEST]}
    located: dict[Name, str] = {}
    for some in chunks(sorted({uid for uid, _ in names})):
        rows = select(occurrence.c.uid, occurrence.c.original_start, event.c.facts).join(event, event.c.id == occurrence.c.event)
        starts = sorted({start for uid, start in names if uid in set(some)})
        for begin in chunks(starts):
            mine = (occurrence.c.owner == owner, occurrence.c.uid.in_(some), occurrence.c.original_start.in_(begin))
            for uid, start, facts in connection.execute(rows.where(*mine)):
                if (uid, start) in names and '"location"' in facts:
                    located[uid, start] = city_of(event_of(facts).location)
    return {
        who: next((city for name in meetings[:LATEST] if (city := located.get(name, ""))), "") for who, meetings in held.items()
    }
