"""Who is a person, and which addresses are one: python -m benchmarks.people [--quick].

Reads the mailboxes in ../shared/data/mbox, judges every author by what the mailbox's own messages show, and prints the
figures next to those of a naive pattern and of "any list header is no person". 1 if a bound is broken.
"""

from __future__ import annotations

import csv
import gzip
import itertools
import re
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from time import process_time

from connectors.files.mbox import scan
from connectors.mime import parse_header
from rules.facts import MessageMetadata
from rules.identity import AddressProfile, identify
from rules.people import OwnerKeys, has_exchange, judge, match_key, observe

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data" / "mbox"
NAIVE = re.compile(r"no-?reply|do-?not-?reply|notif|bot|daemon|mailer|bounce|news|alert|jenkins|support|list", re.IGNORECASE)
CROWD = 50
"""Addresses on a message above which it says nothing about who knows whom."""
PRECISION_OF_LINKS = 0.99
SECONDS = 0.5
"""For 50,000 messages."""


@dataclass
class Mailbox:
    """What one mailbox shows of every address."""

    counts: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    names: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    emails: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    near: dict[str, Counter[str]] = field(default_factory=lambda: defaultdict(Counter))
    listed: set[str] = field(default_factory=set)


def messages(name: str) -> list[MessageMetadata]:
    """Read one mailbox."""
    with gzip.open(SHARED / name) as stream:
        return [parse_header(entry.header, remote_id=str(entry.offset)) for entry in scan(stream)]  # type: ignore[arg-type] # GzipFile reads like a BinaryIO


def watch(mails: Iterable[MessageMetadata], owner: OwnerKeys) -> Mailbox:
    """Add up what every message shows, as the store does."""
    box = Mailbox()
    for mail in mails:
        seen = observe(mail, owner)
        for sighting in seen.sightings:
            box.counts[sighting.key].update(sighting.tallies)
            box.names[sighting.key][sighting.address.name] += 1
            box.emails[sighting.key].add(sighting.address.email)
        if mail.list_id:
            box.listed.add(seen.author)
        keys = {match_key(address.email) for part in (mail.from_, mail.to, mail.cc) for address in part} - owner.keys
        if len(keys) <= CROWD:
            for sighting in seen.sightings:
                box.near[sighting.key].update(keys - {sighting.key})
    return box


def rates(found: set[str], truth: dict[str, str], asked: set[str]) -> str:
    """Word precision and recall of "is a person" over the addresses asked."""
    right = sum(truth[email] == "person" for email in found & asked)
    persons = sum(truth[email] == "person" for email in asked)
    return f"precision {right / max(1, len(found & asked)):.4f}  recall {right / max(1, persons):.4f}"


def people(boxes: dict[str, Mailbox]) -> bool:
    """Print how well persons are told from machines and lists."""
    with (SHARED / "kinds.csv").open() as stream:
        truth = {row["address"]: row["kind"] for row in csv.DictReader(stream)}
    ways: dict[str, Callable[[Mailbox, str, str], bool]] = {
        "rules.people": lambda box, key, email: judge(email, box.names[key], box.counts[key]).kind == "human",
        "and in the network": lambda box, key, email: (
            judge(email, box.names[key], box.counts[key]).kind == "human" and has_exchange(box.counts[key])
        ),
        "naive pattern": lambda _, __, email: not NAIVE.search(email),
        "any list header": lambda box, key, _: key not in box.listed,
    }
    asked = {email for box in boxes.values() for emails in box.emails.values() for email in emails if email in truth}
    wrong: set[str] = set()
    print(f"{len(asked)} addresses in kinds.csv that a mailbox shows")
    for name, way in ways.items():
        found = {
            e for box in boxes.values() for key, emails in box.emails.items() for e in emails if e in truth and way(box, key, e)
        }
        wrong = {email for email in found if truth[email] != "person"} if name == "rules.people" else wrong
        print(f"  {name:22}{rates(found, truth, asked)}")
    print(f"  machines or lists called a person: {sorted(wrong) or 'none'} (bound: none)")
    return not wrong


def links(boxes: dict[str, Mailbox]) -> bool:
    """Print how well the addresses of one human are found."""
    with (SHARED / "identity_truth.csv").open() as stream:
        truth = {match_key(row["address"]): row["person"] for row in csv.DictReader(stream)}
    print(f"{'':22}{'precision':>10}{'recall':>10}{'unsure':>10}   (pairs of addresses of one human)")
    is_good = True
    for use in ("with correspondents", "names alone"):
        good = bad = total = unsure = 0
        for box in boxes.values():
            human = [key for key in box.emails if key in truth and judge(key, box.names[key], box.counts[key]).kind == "human"]
            profiles = [
                AddressProfile(
                    key=key,
                    names=box.names[key],
                    correspondents=frozenset(box.near[key]) if use == "with correspondents" else frozenset(),
                )
                for key in human
            ]
            grouping = identify(profiles)
            pairs = [pair for identity in grouping.identities for pair in itertools.combinations(identity.keys, 2)]
            good += sum(truth[a] == truth[b] for a, b in pairs)
            bad += sum(truth[a] != truth[b] for a, b in pairs)
            total += sum(n * (n - 1) // 2 for n in Counter(truth[key] for key in human).values())
            unsure += len(grouping.unsure)
        precision = good / max(1, good + bad)
        is_good &= precision >= PRECISION_OF_LINKS
        print(f"  {use:20}{precision:10.4f}{good / max(1, total):10.4f}{unsure:10}   (bound: precision {PRECISION_OF_LINKS})")
    return is_good


def seconds(mails: list[MessageMetadata], owner: OwnerKeys) -> float:
    """Time one pass over a mailbox, in seconds of the processor."""
    began = process_time()
    for mail in mails:
        observe(mail, owner)
    return process_time() - began


def main() -> int:
    """Print the tables; 1 if a bound is broken."""
    if not SHARED.exists():
        print(f"skipped: {SHARED} is not there")
        return 0
    boxes, speeds = {}, []
    with (SHARED / "index.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    for row in rows[: 3 if "--quick" in sys.argv else None]:
        owner = OwnerKeys(keys=frozenset(match_key(email) for email in row["owner_addresses"].split()))
        mails = messages(f"{row['split']}-{row['owner']}.mbox.gz")
        boxes[row["owner"]] = watch(mails, owner)
        speeds.append(median(seconds(mails, owner) for _ in range(5)) / len(mails) * 50_000)
    good = people(boxes)
    good &= links(boxes)
    print(f"observe, 50,000 messages: {median(speeds):.2f} s, {max(speeds):.2f} s in the slowest mailbox (bound: {SECONDS} s)")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
