"""One row of the outbox as the worker handles it, and back: instants, JSON of actions and evidence."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Final, assert_never, cast

from pydantic import TypeAdapter
from sqlalchemy import RowMapping

from connectors.port import Saved, Witness
from rules.addresses import match_key
from rules.inviting import ANNOUNCEMENT
from rules.suggestions import Action, CloseReason, Draft, Evidence, Hold, Invite, Key, State, Suggestion
from worker.store.mapping import instant, maybe_instant, micros

_ACTIONS: Final[dict[str, TypeAdapter[Hold] | TypeAdapter[Draft] | TypeAdapter[Invite]]] = {
    "hold": TypeAdapter(Hold),
    "draft": TypeAdapter(Draft),
    "invite": TypeAdapter(Invite),
}
_ACTION: Final[TypeAdapter[Action]] = TypeAdapter(Action)
_EVIDENCE: Final = TypeAdapter(tuple[Evidence, ...])
_SAVED: Final = TypeAdapter(Saved)


VETO: Final = "veto"
"""Mode of an invite that a hold announces: it goes out only while that hold stands untouched."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A suggestion and everything that has happened to it. `payload`, account and slot were fixed at planning."""

    key: Key
    owner: str
    account: str
    rule: str
    cause: str
    person: str
    address: str
    action: Action
    why: str
    evidence: tuple[Evidence, ...]
    mode: str
    state: State
    close_reason: CloseReason | None
    """Why it closed; on a delivered one: why we are taking it away."""
    note: str
    created_at: datetime
    updated_at: datetime
    due_at: datetime
    expires_at: datetime | None
    at: datetime
    """Start of the hold as it stands, due time of the draft."""
    fence: int
    attempts: int
    next_attempt_at: datetime
    witness: Witness | None
    saved: Saved | None
    delivered_at: datetime | None
    looked_at: datetime | None
    moves: int
    error: str
    stray: Saved | None
    """What a late attempt made beside the confirmed object: to be taken away."""

    @property
    def name(self) -> str:
        """The name it keeps of whom it is for; "" where it keeps none."""
        match self.action:
            case Hold(name=name):
                return name
            case Draft(to=people) | Invite(attendees=people):
                return next((each.name for each in people if match_key(each.email) == self.address), "")
            case _:
                assert_never(self.action)

    @property
    def suggestion(self) -> Suggestion:
        """The suggestion as the rules made it."""
        return Suggestion(
            key=self.key,
            rule=self.rule,
            cause=self.cause,
            person_id=self.person,
            address=self.address,
            action=self.action,
            why=self.why,
            evidence=self.evidence,
            due_at=self.due_at,
            expires_at=self.expires_at,
            mode="review" if self.mode == "review" else "create",
        )


def json_of(value: Action | Saved | tuple[Evidence, ...]) -> str:
    """Write an action, its evidence or a stray as the JSON the row keeps."""
    if isinstance(value, tuple):
        return _EVIDENCE.dump_json(value).decode()
    if isinstance(value, Saved):
        return _SAVED.dump_json(value).decode()
    return _ACTION.dump_json(value).decode()


def recipients(action: Action) -> frozenset[str]:
    """Return the match keys of everyone an action goes to; a hold goes to nobody."""
    match action:
        case Draft(to=to, cc=cc):
            return frozenset(match_key(each.email) for each in (*to, *cc))
        case Invite(attendees=attendees):
            return frozenset(match_key(each.email) for each in attendees)
        case Hold():
            return frozenset()
        case _:
            assert_never(action)


def rows_of(owner: str, account: str, planned: Suggestion, now: datetime) -> list[dict[str, object]]:
    """Write the rows of a new suggestion: its own, and before an invite's that of the hold that announces it."""
    return [_row(owner, account, each, now) for each in (*_announcement(planned), planned)]


def _announcement(invite: Suggestion) -> Iterator[Suggestion]:
    """Yield the hold that announces an invite, as a suggestion of its own."""
    if (hold := invite.announcement) is not None:
        cause = f"invite:{invite.key}"
        yield replace(
            invite, key=hold.key, rule=ANNOUNCEMENT, cause=cause, action=hold, due_at=None, expires_at=None, announcement=None
        )


def may_go(planned: Suggestion) -> bool:
    """Tell whether a suggestion is put in place by itself: an invite only where a hold announces it."""
    return planned.mode == "create" and (planned.announcement is not None or not isinstance(planned.action, Invite))


def _row(owner: str, account: str, planned: Suggestion, now: datetime) -> dict[str, object]:
    is_told = planned.announcement is not None
    due = micros(planned.due_at or now)
    starts = planned.due_at if isinstance(planned.action, Draft) else planned.action.start
    return {
        "key": planned.key,
        "owner": owner,
        "rule": planned.rule,
        "cause": planned.cause,
        "person": planned.person_id,
        "address": planned.address,
        "account": account,
        "action": type(planned.action).__name__.lower(),
        "payload": json_of(planned.action),
        "why": planned.why,
        "evidence": json_of(planned.evidence),
        "mode": VETO if is_told else planned.mode,
        "state": "approved" if may_go(planned) else "planned",
        "created_at": micros(now),
        "updated_at": micros(now),
        "due_at": due,
        "next_attempt_at": due,
        "expires_at": None if planned.expires_at is None else micros(planned.expires_at),
        "at": micros(starts or now),
        "message_id": planned.action.message_id if isinstance(planned.action, Draft) else "",
    }


def entry_of(row: RowMapping) -> Entry:
    """Read a row of `suggestion`."""
    saved = None
    if row["remote_id"] is not None:
        saved = Saved(remote_id=row["remote_id"], version=row["version"], place=row["place"])
    return Entry(
        key=Key(row["key"]),
        owner=row["owner"],
        account=row["account"],
        rule=row["rule"],
        cause=row["cause"],
        person=row["person"],
        address=row["address"],
        action=_ACTIONS[row["action"]].validate_json(row["payload"]),
        why=row["why"],
        evidence=_EVIDENCE.validate_json(row["evidence"]),
        mode=row["mode"],
        state=cast("State", row["state"]),
        close_reason=cast("CloseReason | None", row["close_reason"]),
        note=row["note"],
        created_at=instant(row["created_at"]),
        updated_at=instant(row["updated_at"]),
        due_at=instant(row["due_at"]),
        expires_at=maybe_instant(row["expires_at"]),
        at=instant(row["at"] if row["at"] is not None else row["due_at"]),
        fence=row["fence"],
        attempts=row["attempts"],
        next_attempt_at=instant(row["next_attempt_at"]),
        witness=None if row["witness"] is None else Witness(row["witness"]),
        saved=saved,
        delivered_at=maybe_instant(row["delivered_at"]),
        looked_at=maybe_instant(row["looked_at"]),
        moves=row["moves"],
        error=row["error"],
        stray=_SAVED.validate_json(row["stray"]) if row["stray"] else None,
    )
