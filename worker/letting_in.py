"""What may come in at a hook before it has proved anything: so much in a second, and none larger than is said."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Final

from starlette.requests import Request

MOST: Final = 50
"""Notifications taken in one second; providers bring the others again."""


@dataclass(slots=True)
class Gate:
    """Lets so many through in a second, and no more."""

    clock: Callable[[], datetime]
    lately: deque[datetime] = field(default_factory=lambda: deque(maxlen=MOST))

    def is_open(self) -> bool:
        """Tell whether one more may come in, and count it."""
        now = self.clock()
        if len(self.lately) == MOST and now - self.lately[0] < timedelta(seconds=1):
            return False
        self.lately.append(now)
        return True


async def body_of(request: Request, largest: int) -> bytes | None:
    """Read a body of up to so many bytes; None for a larger one, of which no more is kept, whatever its length was said to be."""
    said = request.headers.get("Content-Length", "0")
    if not said.isdigit() or int(said) > largest:
        return None
    read = bytearray()
    async for part in request.stream():
        read += part
        if len(read) > largest:
            return None
    return bytes(read)
