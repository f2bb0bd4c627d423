"""The scorecard of lapse: what it looks at, in words, and the signed weight of each for 90 and for 180 days.

Fitted on 52,493 cases of 40 real mailboxes by a logistic regression that is held close to the published card of four
terms (128,704 cases of 587 mailboxes) where it has the same terms; `python -m benchmarks.lapse --fit` repeats it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Final

Inputs = tuple[float, float, float, float, float, float, float, float, float]
"""The nine inputs of a card, in the order of `NAMES`."""

DAY: Final = timedelta(days=1)
NAMES: Final = ("recent", "days", "heard", "gap", "written", "returns", "pace", "bursts", "age")

NEAR: Final = (90.0, 2.5117, -0.3527, -0.8697, 0.1871, -0.1770, 0.1070, -0.1270, -0.0442, 0.0508, -0.0572)
"""Days, intercept, and a weight for each input."""
FAR: Final = (180.0, 2.3283, -0.3298, -1.0018, 0.1761, -0.2325, 0.0896, -0.1431, -0.0421, 0.0647, -0.0401)

NEVER: Final = 8.0
"""ln(1 + days) is capped: after eight years it makes no difference how long, nor whether there was anything at all."""
USUAL_GAP: Final = 3.0
"""ln(1 + days) of a gap that says nothing either way, 19 days: taken where no gap is known."""
MEAN_GAP: Final = 4.0
HEARD: Final = 4.0
SILENCE: Final = 4.3
KNOWN: Final = 6.5
"""Centres of ln(1 + days) in the mailboxes the card was fitted on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Measures:
    """A history as the card sees it; times in days, None where there is nothing to measure."""

    recent: float = 0.0
    """Messages either way, each shared among its recipients, halved every 30 days."""
    in_touch: float = 0.0
    """Days with a two-way interaction, halved every 365 days."""
    days: int = 0
    """Days with a two-way interaction."""
    heard: float | None = None
    """Since the other side was last heard."""
    written: float | None = None
    """Since the owner last wrote."""
    silence: float | None = None
    """Since the last two-way interaction."""
    known: float | None = None
    """Since the first two-way interaction."""
    median_gap: float | None = None
    """Between days with a two-way interaction."""
    mean_gap: float | None = None
    returns: int = 0
    """Earlier gaps that were longer than the present silence, but by less than 90 days."""


def inputs(found: Measures) -> Inputs:
    """Turn measures into the inputs of a card."""
    heard, written = _log(found.heard), _log(found.written)
    gap = USUAL_GAP if found.median_gap is None else math.log1p(found.median_gap)
    mean = MEAN_GAP if found.mean_gap is None else math.log1p(found.mean_gap)
    age = 0.0
    if found.silence is not None and found.known is not None:
        age = (_log(found.silence) - SILENCE) * (_log(found.known) - KNOWN)
    return (
        math.log1p(5 * found.recent),
        math.log1p(found.in_touch),
        heard,
        gap,
        written,
        math.log1p(found.returns),
        (heard - HEARD) * (gap - USUAL_GAP),
        (gap - USUAL_GAP) * (mean - MEAN_GAP),
        age,
    )


def _log(days: float | None) -> float:
    return NEVER if days is None else min(math.log1p(max(days, 0.0)), NEVER)


@lru_cache(maxsize=256)
def card(horizon: timedelta) -> tuple[float, float, float, float, float, float, float, float, float, float]:
    """Return intercept and weights for a horizon: interpolated between 90 and 180 days, the nearer end outside."""
    share = min(1.0, max(0.0, (horizon / DAY - NEAR[0]) / (FAR[0] - NEAR[0])))
    z, a, b, c, d, e, f, g, h, i = (near + (far - near) * share for near, far in zip(NEAR[1:], FAR[1:], strict=True))
    return z, a, b, c, d, e, f, g, h, i


def sentences(found: Measures) -> tuple[str, ...]:
    """Say what each input is, in the order of `NAMES`."""
    return (
        "a good deal of mail in the last weeks" if found.recent >= 1 else "little or no mail in the last weeks",
        f"in touch on {_days(found.days)} so far, the older ones counting less",
        _ago(found.heard, "last heard from", "never heard from"),
        _ago(found.median_gap, "usually in touch every", "no usual gap yet", ending=""),
        _ago(found.written, "last written to", "never written to"),
        f"a silence like this one ended within 90 days more {found.returns} times before",
        "the silence beside the usual gap",
        "the talks come in bursts or evenly",
        "the silence beside the years known",
    )


def _ago(days: float | None, said: str, never: str, ending: str = " ago") -> str:
    return never if days is None else f"{said} {_days(round(days))}{ending}"


def _days(number: int) -> str:
    return f"{number} day" if number == 1 else f"{number} days"
