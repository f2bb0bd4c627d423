"""Which time zone this computer is in, and zones the owner writes."""

from __future__ import annotations

import os
from difflib import get_close_matches
from pathlib import Path
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from worker.advice import Refusal
from worker.exit_codes import USAGE

LOCALTIME = Path("/etc/localtime")


def zone_called(name: str) -> ZoneInfo:
    """Return the IANA zone of that name. Raises Refusal with the nearest."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        by_fold = {zone.casefold(): zone for zone in available_timezones()}
        cities = {zone.rpartition("/")[2].casefold(): zone for zone in by_fold.values()}
        known = by_fold | cities
        close = get_close_matches(name.casefold().replace(" ", "_"), known, n=1)
        hint = f"Did you mean {known[close[0]]}?" if close else "Write it like Europe/Berlin."
        raise Refusal(f"There is no time zone {name!r}.", hint, code=USAGE) from None


def zone_here() -> str:
    """Return the IANA zone this computer is set to, UTC where it does not say."""
    candidates = [os.environ.get("TZ", "").removeprefix(":"), str(LOCALTIME.resolve()).partition("zoneinfo/")[2]]
    return next((name for name in candidates if name in available_timezones()), "UTC")
