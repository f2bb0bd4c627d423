"""Every real mailbox goes through `try` with nothing lost, and its owner is found."""

from __future__ import annotations

import csv
import gzip
import mailbox
import re
import resource
from datetime import UTC, datetime
from pathlib import Path

import pytest

from connectors.files.reading import Disk, mbox_messages
from connectors.port import Skipped
from rules.people import match_key
from worker.rulebooks import shipped
from worker.trial import Progress, TrialReport, run

OWNERS = ("p16263", "p05253", "p00227", "p12218", "p05860")
NOW = datetime(2020, 12, 1, 9, tzinfo=UTC)


def plain_scan(raw: bytes) -> list[str]:
    """Find Message-IDs without any code of the project: lines of headers, nothing decoded."""
    heads = re.split(rb"(?:\A|\n\n)From [^\n]*\d\n", raw)[1:]
    found = (re.search(rb"^Message-ID:\s*<([^>]+)>", head.split(b"\n\n")[0], re.MULTILINE | re.IGNORECASE) for head in heads)
    return [match[1].decode() if match else "" for match in found]


@pytest.fixture(params=OWNERS)
def path(request: pytest.FixtureRequest, shared: Path) -> Path:
    return shared / "data" / "mbox" / f"dev-{request.param}.mbox.gz"


def owner_addresses(shared: Path, path: Path) -> set[str]:
    with (shared / "data" / "mbox" / "index.csv").open() as file:
        return {
            match_key(name) for row in csv.DictReader(file) if row["owner"] in path.name for name in row["owner_addresses"].split()
        }


def tried(path: Path, *, me: tuple[str, ...] = ()) -> tuple[TrialReport, list[Progress]]:
    told: list[Progress] = []
    return run([path], me=me, now=NOW, zone="Europe/Berlin", rulebook=shipped(), on_progress=told.append), told


def test_every_message_id_is_read_as_a_plain_scan_finds_it(path: Path) -> None:
    expected = plain_scan(gzip.decompress(path.read_bytes()))
    with Disk().open_mbox(path) as stream:
        found = [fact for fact, _ in mbox_messages(stream, prefix="", labels=frozenset())]
    assert [fact.reason for fact in found if isinstance(fact, Skipped)] == []
    assert [fact.message_id for fact in found if not isinstance(fact, Skipped)] == expected
    assert len(expected) > 700


@pytest.mark.timeout(600)
def test_nothing_is_lost_and_the_owner_is_found_without_being_named(path: Path, shared: Path) -> None:
    expected = plain_scan(gzip.decompress(path.read_bytes()))
    report, told = tried(path)
    tally = report.messages
    assert tally.read == len(expected)
    assert tally.read == tally.stored + tally.duplicates + sum(skip.count for skip in tally.skipped)
    assert tally.stored == len(set(expected))
    assert {match_key(address) for address in report.owner_addresses} == owner_addresses(shared, path)
    assert report.owner_confidence != "given"
    assert report.owner_reason
    own = owner_addresses(shared, path)
    assert not any(own & set(one.person.addresses) for one in report.people)
    assert all(one.interactions > 0 and one.last_at is not None and one.last_at <= NOW for one in report.people)
    assert report.people
    assert all(0 <= step.done <= step.total for step in told)
    assert [step.done for step in told] == sorted(step.done for step in told)


def test_what_the_standard_library_reads_is_what_is_read(shared: Path, tmp_path: Path) -> None:
    packed = shared / "data" / "mbox" / "dev-p05253.mbox.gz"
    plain = tmp_path / "plain.mbox"
    plain.write_bytes(gzip.decompress(packed.read_bytes()))
    expected = {str(message["Message-ID"]).strip("<>"): str(message["Subject"] or "") for message in mailbox.mbox(plain)}
    with Disk().open_mbox(packed) as stream:
        found = {
            fact.message_id: fact.subject
            for fact, _ in mbox_messages(stream, prefix="", labels=frozenset())
            if not isinstance(fact, Skipped)
        }
    assert found.keys() == expected.keys()
    assert all(
        found[name].split() == subject.split() for name, subject in expected.items() if subject.isascii() and "=?" not in subject
    )


def test_naming_the_owner_gives_the_network_that_inferring_gives(shared: Path) -> None:
    path = shared / "data" / "mbox" / "dev-p16263.mbox.gz"
    inferred, _ = tried(path)
    named, _ = tried(path, me=inferred.owner_addresses)
    assert named.owner_confidence == "given"
    assert [(one.person.id, one.interactions, one.state) for one in named.people] == [
        (one.person.id, one.interactions, one.state) for one in inferred.people
    ]


def test_a_trial_writes_nothing_at_all(shared: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "mail.mbox.gz"
    path.write_bytes((shared / "data" / "mbox" / "dev-p05253.mbox.gz").read_bytes())
    path.chmod(0o400)
    before = path.stat().st_mtime_ns, resource.getrusage(resource.RUSAGE_SELF).ru_oublock
    tried(path)
    assert (path.stat().st_mtime_ns, list(tmp_path.iterdir())) == (before[0], [path])
