"""Gmail and Google Calendar keep the contract, on a simulator held to Google's own discovery documents."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from connectors.google import calendar, mail, reading
from tests.connectors.contract import Contract, World
from tests.connectors.google_world import google_world


class TestGoogle(Contract):
    @pytest.fixture
    def world(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
        monkeypatch.setattr(reading, "LIST_PAGE", 5)
        monkeypatch.setattr(mail, "READ", 2)
        monkeypatch.setattr(calendar, "PAGE", 3)
        with google_world() as world:
            yield world
