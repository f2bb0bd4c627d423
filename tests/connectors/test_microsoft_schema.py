"""What the pretended Graph speaks is Graph: its types are those of the public description, its routes all there is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import requests

from tests.connectors.microsoft_world import MicrosoftWorld
from tests.simulators.microsoft import schema

EDM = "{http://docs.oasis-open.org/odata/ns/edm}"


@pytest.fixture
def described(shared: Path) -> dict[str, ET.Element]:
    """Every named type of the public description, trimmed."""
    root = ET.parse(shared / "data" / "graph" / "graph-v1.0-trimmed.csdl.xml").getroot()  # noqa: S314 - our own test data
    kinds = {f"{EDM}EntityType", f"{EDM}ComplexType", f"{EDM}EnumType"}
    return {str(one.get("Name")): one for one in root.iter() if one.tag in kinds}


def properties(described: dict[str, ET.Element], name: str) -> Iterator[tuple[str, str]]:
    here = described[name]
    if above := here.get("BaseType"):
        yield from properties(described, above.removeprefix("graph."))
    for one in here.iter(f"{EDM}Property"):
        kind = str(one.get("Type"))
        listed = kind.startswith("Collection(")
        plain = kind.removeprefix("Collection(").removesuffix(")").rpartition(".")[2]
        yield str(one.get("Name")), f"[{plain}]" if listed else plain


@pytest.mark.parametrize("name", sorted(set(schema.TYPES) - schema.LEFT_OUT))
def test_our_types_are_graphs(described: dict[str, ET.Element], name: str) -> None:
    known = dict(properties(described, name))
    assert {key: known.get(key) for key in schema.TYPES[name]} == schema.TYPES[name]


@pytest.mark.parametrize("name", sorted(schema.ENUMS))
def test_our_words_are_graphs(described: dict[str, ET.Element], name: str) -> None:
    assert {one.get("Name") for one in described[name].iter(f"{EDM}Member")} == schema.ENUMS[name]


@pytest.mark.parametrize(
    ("kind", "given"),
    [
        ("message", {"subjekt": "x"}),
        ("message", {"isDraft": "yes"}),
        ("message", {"toRecipients": {"emailAddress": {}}}),
        ("message", {"toRecipients": [{"emailAddress": {"mail": "x"}}]}),
        ("message", {"receivedDateTime": "yesterday"}),
        ("event", {"showAs": "away"}),
        ("event", {"start": {"dateTime": "2026-01-01T00:00:00", "zone": "UTC"}}),
        ("mailFolder", {"totalItemCount": True}),
    ],
)
def test_what_is_not_graphs_is_found(kind: str, given: object) -> None:
    assert list(schema.wrong(kind, given))


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()


def test_an_unknown_route_is_not_there_and_is_noted(world: MicrosoftWorld) -> None:
    token = next(iter(world.graph.grants))
    answer = requests.get(f"{world.graph.root}me/contacts", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert answer.status_code == 501
    assert world.graph.violations == ["no such route: GET /v1.0/me/contacts"]


def test_a_request_without_immutable_ids_or_for_everything_is_noted(world: MicrosoftWorld) -> None:
    made = world.mail("a@x.example", at=world.graph.clock)
    token = next(token for token, grant in world.graph.grants.items() if grant.app == "writer-app")
    requests.get(f"{world.graph.root}me/messages/{made['id']}", headers={"Authorization": f"Bearer {token}"}, timeout=5)
    assert len(world.graph.violations) == 2


def test_a_readers_token_opens_no_content(world: MicrosoftWorld) -> None:
    made = world.mail("a@x.example", at=world.graph.clock)
    token = next(token for token, grant in world.graph.grants.items() if grant.app == "reader-app")
    headers = {"Authorization": f"Bearer {token}", "Prefer": 'IdType="ImmutableId"'}
    answer = requests.get(f"{world.graph.root}me/messages/{made['id']}", headers=headers, timeout=5).json()
    assert answer["internetMessageId"] == "<a@x.example>"
    assert not {"body", "bodyPreview", "uniqueBody"} & answer.keys()
