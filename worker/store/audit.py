"""The audit: one line for every write Rekindle makes at a provider or for the owner, only ever added to."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

from sqlalchemy import Connection, insert

from worker.store.mapping import micros
from worker.store.tables import audit

_LINE: Final = insert(audit)
AuditVerb = Literal[
    "plan",
    "approve",
    "snooze",
    "dismiss",
    "create",
    "adopt",
    "withdraw",
    "move",
    "close",
    "learn",
    "connect",
    "pause",
    "resume",
    "disconnect",
    "rollback",
    "forget",
    "log",
    "export",
    "tell",
]


def record(
    db: Connection,
    now: datetime,
    owner: str,
    verb: AuditVerb,
    *,
    account: str = "",
    key: str = "",
    remote_id: str = "",
    detail: str = "",
) -> None:
    """Add a line. `detail` is for the owner and holds no text of other people."""
    line = {
        "at": micros(now),
        "owner": owner,
        "account": account,
        "verb": verb,
        "key": key,
        "remote_id": remote_id,
        "detail": detail,
    }
    db.execute(_LINE, line)
