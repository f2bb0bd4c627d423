"""The contract of the port: what every connector keeps, whatever stands behind it. Inherit `Contract`, give it a `world`.

    class TestFiles(Contract):
        @pytest.fixture
        def world(self, tmp_path) -> World: ...

A `World` is the provider's far side: the owner's hands and the provider's faults. What a provider cannot do or cannot be
made to do stands in `cannot`, each with its reason; the tests that need it are skipped and say so.
"""

from __future__ import annotations

from tests.connectors.contract_reading import ReadingContract
from tests.connectors.contract_world import (
    CANARY,
    ERRORS,
    EVA,
    ME,
    NOON,
    Ability,
    Failure,
    Page,
    StoredDraft,
    StoredHold,
    World,
    a_draft,
    a_hold,
    an_invite,
    gone,
    name_of,
    names,
    needs,
    pages_of,
    read,
)
from tests.connectors.contract_writing import DraftContract, HoldContract

__all__ = [
    "CANARY",
    "ERRORS",
    "EVA",
    "ME",
    "NOON",
    "Ability",
    "Contract",
    "Failure",
    "Page",
    "StoredDraft",
    "StoredHold",
    "World",
    "a_draft",
    "a_hold",
    "an_invite",
    "gone",
    "name_of",
    "names",
    "needs",
    "pages_of",
    "read",
]


class Contract(ReadingContract, DraftContract, HoldContract):
    """Every promise of the port, as a test."""
