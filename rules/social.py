"""Social times: what of a week the owner sets aside for people, by kind."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import time
from typing import Literal

Social = Literal["one_to_one", "group", "coffee", "lunch"]
"""What kind of time a hold keeps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SocialTime:
    """Times of one kind, at most so many a week."""

    kind: Social
    per_week: int = 1
    hours: tuple[tuple[time, time], ...] = ()
    """Local times of day it may lie in; empty = the owner's working hours."""
    minutes: int | None = None
    """How long it takes; None = as long as the rule says."""
