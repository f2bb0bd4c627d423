"""Dates, gaps and counts as a person says them, and text that cannot play tricks on a terminal."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from worker.report import safe
from worker.words import ago, counted, moment, span

NOW = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "says"),
    [
        (1, "1 day"),
        (7, "1 week"),
        (13, "13 days"),
        (14, "2 weeks"),
        (30, "4 weeks"),
        (70, "2 months"),
        (365, "12 months"),
        (800, "2 years"),
        (0.2, "1 day"),
    ],
)
def test_a_gap_is_said_in_its_natural_unit(days: float, says: str) -> None:
    assert span(timedelta(days=days)) == says


def test_no_gap_is_nothing() -> None:
    assert span(None) == ""


@pytest.mark.parametrize(
    ("at", "says"),
    [
        (None, "never"),
        (NOW, "today"),
        (NOW - timedelta(hours=23), "today"),
        (NOW - timedelta(days=1), "1 day ago"),
        (NOW - timedelta(days=150), "5 months ago"),
        (NOW + timedelta(days=1), "ahead"),
    ],
)
def test_a_last_contact_is_said_as_one_says_it(at: datetime | None, says: str) -> None:
    assert ago(at, NOW) == says


def test_an_instant_is_told_in_the_owners_zone_and_with_its_year_only_where_it_matters() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert moment(NOW, berlin, NOW) == "Tue 17 Nov 10:30"
    assert moment(NOW - timedelta(days=365), berlin, NOW) == "Mon 17 Nov 2025 10:30"
    assert moment(NOW, berlin) == "Tue 17 Nov 2026 10:30"


def test_counts_agree_with_their_noun() -> None:
    assert counted(1, "hold") == "1 hold"
    assert counted(0, "hold") == "0 holds"
    assert counted(1204, "draft") == "1,204 drafts"
    assert [counted(count, "person", "people") for count in (1, 2)] == ["1 person", "2 people"]


@pytest.mark.parametrize("trick", ["\x1b[2J", "\x1b]0;owned\x07", "\u202e", "\x9b31m", "\r", "\x08"])
def test_a_name_cannot_play_tricks_on_the_terminal(trick: str) -> None:
    assert safe(f"Iris{trick}Novak").isprintable()
    assert safe(f"Iris{trick}Novak").startswith("Iris")


def test_ordinary_text_of_any_script_stays_as_it_is() -> None:
    text = "Žofia 张伟\nيوسف\tÅse"
    assert safe(text) == text
