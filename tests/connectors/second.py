"""A second process that is waited for: without that, a short first read is over before it listens."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from connectors import imap_beside
from connectors.imap_beside import Beside
from connectors.optional import Packing


def wait_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every first read begin a second process, and go on once that listens."""
    begun = imap_beside.beside

    @contextmanager
    def listening(packing: Packing) -> Iterator[Beside | None]:
        with begun(packing) as second:
            end = time.monotonic() + 60
            while second is not None and not second.is_listening() and time.monotonic() < end:
                time.sleep(0.01)
            yield second

    monkeypatch.setattr(imap_beside, "MANY", 1)
    monkeypatch.setattr(imap_beside, "beside", listening)
