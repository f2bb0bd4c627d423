"""Batches side by side: up to four in flight for one mailbox, each on a service of its own, for a service is one thread's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

from connectors.google.transport import BATCH, Json, Service
from connectors.http import TooLarge

LANES: Final = 4
"""Requests in flight for one owner; Gmail refuses more than a few at once."""
WAVE: Final = LANES * BATCH
"""Calls that go out together."""

Asking = Callable[[Any], Callable[[str], object]]
"""Takes a service's api; gives what makes the request for one id with it."""
Outcome = tuple[dict[str, Json], dict[str, Exception]]
"""Answers and failures by id."""


class Lanes:
    """The services one mailbox is read through. The first is the caller's own; others are opened when first needed."""

    def __init__(self, first: Service, another: Callable[[], Service]) -> None:
        self._services, self._another = [first], another

    def run(self, ids: Sequence[str], asking: Asking, what: str) -> Outcome:
        """Make the calls, wave by wave. Raises what broke a whole batch."""
        found: dict[str, Json] = {}
        failed: dict[str, Exception] = {}
        parts = [ids[at : at + BATCH] for at in range(0, len(ids), BATCH)]
        for at in range(0, len(parts), LANES):
            for answers, failures in self._wave(parts[at : at + LANES], asking, what):
                found |= answers
                failed |= failures
        return found, failed

    def _wave(self, parts: Sequence[Sequence[str]], asking: Asking, what: str) -> list[Outcome]:
        """Send up to four batches at once: the first in this thread, each other in one of its own."""
        while len(self._services) < len(parts):
            self._services.append(self._another())
        if len(parts) == 1:
            return [_batch(self._services[0], parts[0], asking, what)]
        with ThreadPoolExecutor(len(parts) - 1, "gmail batch") as pool:
            pairs = zip(self._services[1:], parts[1:], strict=False)
            others = [pool.submit(_batch, service, part, asking, what) for service, part in pairs]
            return [_batch(self._services[0], parts[0], asking, what), *(one.result() for one in others)]


def _batch(service: Service, ids: Sequence[str], asking: Asking, what: str) -> Outcome:
    """Make up to 50 calls at once, half of them and the other half where that is too much; what alone is too large has failed."""
    request = asking(service.api)
    try:
        return service.batch([(one, request(one)) for one in ids], what)
    except TooLarge as error:
        if len(ids) == 1:
            return {}, {ids[0]: error}
    middle = len(ids) // 2
    (found, failed), (more, failed_too) = (_batch(service, half, asking, what) for half in (ids[:middle], ids[middle:]))
    return found | more, failed | failed_too
