"""What keeps Google telling: Gmail's watch and Calendar's channels are tended here, and notifications waited for."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Protocol

from connectors.google.notices import Pulling
from connectors.google.transport import Service
from connectors.port import PortError


class Tended(Protocol):
    """Something Google was asked to tell, that ends unless it is looked after."""

    def tend(self) -> bool:
        """Look after it; True where something may have gone untold until now."""
        ...

    def end(self) -> None:
        """Have Google tell of it no more."""
        ...


@dataclass(slots=True, kw_only=True)
class GoogleWatcher:
    """Tends what Google was asked to tell and waits for it; satisfies `connectors.port.Watcher`. The web takes what is pushed."""

    tended: Sequence[Tended]
    pulling: Pulling | None
    services: Sequence[Service] = field(repr=False)
    closed: threading.Event = field(default_factory=threading.Event)

    def wait(self, timeout: timedelta) -> bool:
        """Tend everything, then pull where there is something to pull, else sleep. Raises the port's errors."""
        if any(one.tend() for one in self.tended):
            return True
        if self.pulling is not None:
            return self.pulling.wait(timeout)
        self.closed.wait(timeout.total_seconds())
        return False

    def end(self) -> None:
        """Have Google tell nothing more, of as much as can be reached; raises the first of the port's errors at the end."""
        failed: list[PortError] = []
        for one in self.tended:
            try:
                one.end()
            except PortError as error:
                failed.append(error)
        if failed:
            raise failed[0]

    def close(self) -> None:
        """End a wait and let go of the connections; what Google was asked stays asked, for whoever watches next."""
        self.closed.set()
        if self.pulling is not None:
            self.pulling.close()
        for service in self.services:
            service.wire.close()
