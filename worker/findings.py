"""What a look finds, as `doctor` tells it: something is as it should be, or it is missing, with its remedy."""

from __future__ import annotations

from typing import Final

from worker.json_views import FindingView

AGAIN: Final = "Put that right, then run doctor again."


def fine(subject: str, what: str) -> FindingView:
    """State that something is as it should be."""
    return FindingView(subject=subject, is_ok=True, what=what, remedy=None)


def wrong(subject: str, what: str, remedy: str) -> FindingView:
    """State what is missing, and what to do."""
    return FindingView(subject=subject, is_ok=False, what=what, remedy=remedy)
