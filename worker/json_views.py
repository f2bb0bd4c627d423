"""What --json prints: one frozen shape per verb, unknown = null, instants in UTC; a stable promise, described in docs/json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, fields, is_dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from rules.network import Kind
from rules.standing import Standing
from rules.suggestions import CloseReason, State

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

AccountState = Literal["active", "paused", "disconnected"]


@dataclass(frozen=True, slots=True, kw_only=True)
class FactView:
    """One fact behind an answer; `ref` is `message:<Message-ID>` or `event:<UID>/<original start>`."""

    text: str
    ref: str | None
    at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedView:
    """A person in passing."""

    name: str | None
    addresses: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class SuggestionView:
    """One suggestion: `preview`, `suggestions` and `try` print a list of these."""

    key: str
    rule: str
    action: Literal["draft", "hold", "invite"]
    account: str | None
    state: State
    close_reason: CloseReason | None
    remote_id: str | None
    person: NamedView
    at: datetime | None
    """Start of the hold or invite, due time of the draft."""
    subject: str
    text: str
    why: str
    evidence: tuple[FactView, ...]
    goes_out_at: datetime | None
    """When an invite goes out of itself, unless its owner touches the hold that announces it."""
    waits_for_you: bool
    """Whether it is made only once its owner has approved it."""
    due_at: datetime | None
    """When it is put in place by itself; None where it waits for its owner, lies there already, or is never made, as in `try`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonView:
    """One person of the network: `people` and `try` print a list of these."""

    name: str | None
    addresses: tuple[str, ...]
    kind: Kind
    reason: str | None
    circle: str | None
    interactions: int
    last_interaction: datetime | None
    next_meeting: datetime | None
    rhythm_days: float | None
    p_lapsed_90: float | None
    state: Standing | None


@dataclass(frozen=True, slots=True, kw_only=True)
class CountView:
    """How often something was skipped, and why."""

    reason: str
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class MessagesView:
    """What became of every message: read = stored + duplicates + the sum of skipped."""

    read: int
    stored: int
    duplicates: int
    skipped: tuple[CountView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class TrialView:
    """What `try` prints."""

    owner_addresses: tuple[str, ...]
    messages: MessagesView
    events: MessagesView
    people: tuple[PersonView, ...]
    suggestions: tuple[SuggestionView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedView:
    """One account (`feed` null), or one of its folders or calendars: `status` prints a list of these."""

    owner: str
    account: str
    provider: str
    state: AccountState
    kind: Literal["mail", "calendar"] | None
    feed: str | None
    last_ok: datetime | None
    next_attempt: datetime | None
    coverage: datetime | None
    """Everything newer than this has been read; the start of year 1 = everything there is."""
    remaining: int | None
    """How many messages or events a first read has still to come, about; null where it is done or nobody knows."""
    minutes_left: int | None
    """How long that takes at the pace so far; null where there is none yet."""
    error: str | None
    skipped: tuple[CountView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerView:
    """What `why` and `why-not` print; `who` is null where the question was about nobody in particular."""

    who: str | None
    sentence: str
    facts: tuple[FactView, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FindingView:
    """One line of `doctor` and of `rules check`."""

    subject: str
    is_ok: bool
    what: str
    remedy: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PairView:
    """Two addresses that may be one person's: `people review` prints a list of these."""

    one: str
    other: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleFactView:
    """One line of `rules facts`."""

    name: str
    type: Literal["yes/no", "number", "text"]
    help: str


def to_json(view: DataclassInstance | Iterable[DataclassInstance]) -> str:
    """Write a view, or a list of views, as JSON text."""
    plain = _plain(view) if is_dataclass(view) else [_plain(each) for each in view]
    return json.dumps(plain, ensure_ascii=False, indent=2)


def _plain(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name)) for field in fields(value)}
    if isinstance(value, tuple):
        return [_plain(each) for each in value]
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")
    return value
