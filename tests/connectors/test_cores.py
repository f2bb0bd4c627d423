"""How many cores are counted as ours."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from connectors.cores import cores


@pytest.mark.parametrize(
    ("shown", "counted"),
    [
        ("max 100000\n", 8),
        ("200000 100000\n", 2),
        ("150000 100000\n", 1),
        ("50000 100000\n", 1),
        ("6400000 100000\n", 8),
        ("", 8),
        ("200000 0\n", 8),
        (None, 8),
    ],
)
def test_a_container_has_the_cores_it_is_given_and_no_more_than_there_are(
    shown: str | None, counted: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    if shown is not None:
        (tmp_path / "cpu.max").write_text(shown)
    assert cores(tmp_path) == counted
