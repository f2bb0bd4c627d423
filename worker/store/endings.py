"""Endings: what became of what each rule made, and in which mode it runs because of that."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast

from sqlalchemy import Connection, func, select

from rules.inviting import ANNOUNCEMENT
from worker.store.tables import rule_mode, suggestion

ACCEPTED = ("done", "owner_edited")
DISCARDED = ("owner_deleted", "dismissed")
LAPSED = ("expired", "withdrawn", "failed", "declined", "put_off")


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A mode that feedback or the owner has set, and why."""

    mode: Literal["create", "review", "off"]
    reason: str


def ends(connection: Connection, owner: str) -> Mapping[str, Counter[str]]:
    """Count per rule how its suggestions closed (by reason) and how many stand in which state."""
    found: defaultdict[str, Counter[str]] = defaultdict(Counter)
    how = func.coalesce(suggestion.c.close_reason, suggestion.c.state)
    mine = (suggestion.c.owner == owner, suggestion.c.rule != ANNOUNCEMENT)
    counted = select(suggestion.c.rule, how, func.count()).where(*mine)
    for rule, name, count in connection.execute(counted.group_by(suggestion.c.rule, how)):
        found[rule][name] += count
    return found


def modes(connection: Connection, owner: str) -> Mapping[str, Said]:
    """Return the rules whose mode has been changed."""
    rows = connection.execute(select(rule_mode.c.rule, rule_mode.c.mode, rule_mode.c.reason).where(rule_mode.c.owner == owner))
    return {row.rule: Said(mode=cast('Literal["create", "review", "off"]', row.mode), reason=row.reason) for row in rows}
