"""People and identities on real mailboxes with invented names; skipped where the test data is not beside the checkout."""

from __future__ import annotations

import csv
import itertools
from pathlib import Path

import pytest

from benchmarks.people import Mailbox, messages, watch
from rules.identity import AddressProfile, identify
from rules.people import OwnerKeys, has_exchange, judge, match_key


@pytest.fixture(scope="module", params=["p05253", "p16263"])
def box(request: pytest.FixtureRequest, shared: Path) -> Mailbox:
    with (shared / "data" / "mbox" / "index.csv").open() as stream:
        row = next(row for row in csv.DictReader(stream) if row["owner"] == request.param)
    owner = OwnerKeys(keys=frozenset(match_key(email) for email in row["owner_addresses"].split()))
    return watch(messages(f"{row['split']}-{row['owner']}.mbox.gz"), owner)


def read(shared: Path, name: str, column: str) -> dict[str, str]:
    with (shared / "data" / "mbox" / name).open() as stream:
        return {row["address"]: row[column] for row in csv.DictReader(stream)}


def test_no_machine_and_no_list_is_called_a_human_and_nearly_every_human_is(box: Mailbox, shared: Path) -> None:
    truth = read(shared, "kinds.csv", "kind")
    found = {
        email: judge(email, box.names[key], box.counts[key]).kind
        for key, emails in box.emails.items()
        for email in emails
        if email in truth
    }
    assert {email for email, kind in found.items() if kind == "human" and truth[email] != "person"} == set()
    persons = [email for email in found if truth[email] == "person"]
    assert sum(found[email] == "human" for email in persons) >= 0.9 * len(persons) > 0


def test_whoever_was_never_in_an_exchange_stays_outside_the_network(box: Mailbox) -> None:
    inside = {key for key, counts in box.counts.items() if has_exchange(counts)}
    assert 0 < len(inside) < len(box.counts) / 2


def test_addresses_are_joined_for_one_human_only(box: Mailbox, shared: Path) -> None:
    truth = {match_key(address): person for address, person in read(shared, "identity_truth.csv", "person").items()}
    human = [key for key in box.emails if key in truth and judge(key, box.names[key], box.counts[key]).kind == "human"]
    grouping = identify(AddressProfile(key=key, names=box.names[key], correspondents=frozenset(box.near[key])) for key in human)
    pairs = [pair for one in grouping.identities for pair in itertools.combinations(one.keys, 2)]
    assert {pair for pair in pairs if truth[pair[0]] != truth[pair[1]]} == set()
