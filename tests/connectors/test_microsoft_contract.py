"""Outlook keeps the contract on a pretended Graph that holds every request and answer to Microsoft's public types."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors.microsoft import calendar, mail
from tests.connectors.contract import Contract, World
from tests.connectors.microsoft_world import MicrosoftWorld


class TestMicrosoft(Contract):
    @pytest.fixture
    def world(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        monkeypatch.setattr(mail, "PAGE", 3)
        monkeypatch.setattr(calendar, "PAGE", 3)
        world = MicrosoftWorld(tmp_path)
        yield world
        world.close()
        assert world.graph.violations == []
