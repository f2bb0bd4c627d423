"""A person's own rhythm, the strength of the tie, and the chance that it lapses."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Contact:
    """One time the owner and a person were in touch.

    A meeting is one contact in and one out. `recipients` counts the people addressed (meeting: the other people in it);
    `is_reply` = answers a message of the other side.
    """

    at: datetime
    direction: Literal["in", "out"]
    recipients: int
    is_reply: bool
