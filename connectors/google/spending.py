"""What each call costs and what a minute allows: Google's tables as settings, paid for from the owner's shared budget."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from connectors.account import Quota
from connectors.port import Rejected

UNITS: Final[Mapping[str, int]] = {
    "messages.get": 20, "threads.get": 40, "messages.list": 5, "history.list": 2, "getProfile": 1, "drafts.create": 10,
    "drafts.get": 5, "drafts.list": 5, "drafts.delete": 10, "watch": 100, "stop": 50,
}  # fmt: skip
"""Gmail's units as they are for projects made since May 2026; where that table is silent, the older one."""
GMAIL_MINUTE: Final = 6_000
CALENDAR_MINUTE: Final = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """The budgets of one owner: Gmail counts units, Calendar counts requests."""

    quota: Quota | None = None
    owner: str = ""
    units: Mapping[str, int] = field(default_factory=lambda: UNITS)
    gmail_minute: int = GMAIL_MINUTE
    calendar_minute: int = CALENDAR_MINUTE

    def gmail(self, method: str, count: int = 1) -> int:
        """Pay for up to `count` calls; returns for how many. Raises RateLimited."""
        return self._take("gmail", self.units[method], count, self.gmail_minute)

    def calendar(self, count: int = 1) -> int:
        """Pay for up to `count` requests; returns for how many. Raises RateLimited."""
        return self._take("calendar", 1, count, self.calendar_minute)

    def _take(self, which: str, price: int, count: int, limit: int) -> int:
        if self.quota is None:
            return count
        return self.quota.take(f"google {which} {self.owner}", price=price, count=count, limit=limit)


def prices(said: Sequence[str]) -> Mapping[str, int]:
    """Read `units = ["messages.get=5", ...]` over the default table. Raises Rejected."""
    found = dict(UNITS)
    for each in said:
        method, _, price = each.partition("=")
        if method.strip() not in UNITS or not price.strip().isdigit() or not int(price):
            raise Rejected(f"units: {each!r} is no price of a call.", remedy=f"Write METHOD=UNITS; methods: {', '.join(UNITS)}.")
        found[method.strip()] = int(price)
    return found
