"""Months: who was chosen for a month and why, so that the choice stays until its end and can be measured after it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from rules.month import Choice, Month
from worker.store import notes
from worker.store.introducing import holders
from worker.store.judging import touch
from worker.store.mapping import decode, encode
from worker.store.tables import address, person


def keep(connection: Connection, owner: str, month: Month, now: datetime) -> None:
    """Store a choice, and have those chosen looked at. A month that is stored is left as it is."""
    if not month.people or any(decode(each.text)["month"] == month.name for each in notes.read(connection, owner, "month")):
        return
    for number, each in enumerate(month.people):
        said = {"month": month.name, "order": number, "circle": each.circle, "why": each.why, "carried": each.is_carried}
        text = encode(said | ({"trades": month.trades} if number == 0 else {}))
        notes.add(
            connection,
            owner,
            "month",
            address=_address(connection, owner, each.person_id),
            person=each.person_id,
            at=now,
            text=text,
        )
    touch(connection, owner, [each.person_id for each in month.people], now)


def kept(connection: Connection, owner: str) -> tuple[Month, ...]:
    """Return the months that were chosen, oldest first, with those in them who are still known, as whoever they are today."""
    stored = [(each, decode(each.text)) for each in notes.read(connection, owner, "month")]
    if not stored:
        return ()
    today = holders(connection, owner, {each.address for each, _ in stored})
    known = set(
        connection.execute(
            select(person.c.id).where(person.c.owner == owner, person.c.id.in_({each.person for each, _ in stored}))
        ).scalars()
    )
    found: dict[str, list[tuple[int, Choice]]] = {}
    trades: dict[str, Sequence[str]] = {}
    for each, said in stored:
        who = today.get(each.address) or (each.person if each.person in known else "")
        trades[said["month"]] = said.get("trades", trades.get(said["month"], ()))
        chosen = found.setdefault(said["month"], [])
        if who:
            chosen.append(
                (said["order"], Choice(person_id=who, circle=said["circle"], why=said["why"], is_carried=said["carried"]))
            )
    return tuple(
        Month(name=name, people=tuple(choice for _, choice in sorted(chosen, key=lambda pair: pair[0])), trades=tuple(trades[name]))
        for name, chosen in sorted(found.items())
    )


def of(connection: Connection, owner: str, name: str) -> tuple[str, ...]:
    """Return the ids of those chosen for a month."""
    return tuple(choice.person_id for month in kept(connection, owner) if month.name == name for choice in month.people)


def _address(connection: Connection, owner: str, person_id: str) -> str:
    held = select(address.c.key).where(address.c.owner == owner, address.c.person == person_id).order_by(address.c.key)
    return str(connection.execute(held.limit(1)).scalar() or "")
