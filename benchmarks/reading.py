"""The reading test: the top ten of the three lists on three real mailboxes, each with its reasons, to be judged by eye.

    python -m benchmarks.reading [--into FILE] [--quick] [MAILBOX ...]

No figure comes out of it: whoever reads the report says which lines look wrong. Read line by line on three mailboxes,
what looked wrong, and what became of it:
- Silences within the two's own usual gap stood as lapses (in touch every 400 days, silent for 399): left out now.
- So did people who had written to the owner alone or to a few a week before, unanswered: left out now.
- Exchanges of three to nine days about one matter, within a fortnight and never taken up again: no tie now.
- People with three to ten two-way days over years, all of them in threads of a public list, were on every list: four days
  before more than five people count as one now. Of 47 people on the nine lists 21 are left, each with three answers among
  few or a dozen in threads.
- Still doubtful: seven of these 21, with twelve to forty-three two-way days and none of them among few, may be no more than
  regulars of one list; all four of the third mailbox are. The owner's pin, or an end put to it, decides.
- Still doubtful: "about to lapse" is short, for whoever is silent within a quarter mostly still talks.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path

from rules.network import Relation
from rules.rhythm import lapse_probability, lapse_terms, rhythm, silence, touches
from rules.worth import QUARTER, Lists, initiative, lists
from worker import rulebooks, trial

SHARED = Path(__file__).resolve().parent.parent.parent / "shared" / "data" / "mbox"
MAILBOXES = 3
LONGEST = 10


def main(arguments: Sequence[str] | None = None) -> int:
    """Print the report for the mailboxes given, or for the three largest of the shared ones."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mailboxes", nargs="*", type=Path, help="mbox files or folders; without them the shared ones")
    parser.add_argument("--quick", action="store_true", help="one mailbox only")
    parser.add_argument(
        "--into", type=Path, help="write the report there instead of printing it; it names people: keep it to yourself"
    )
    asked = parser.parse_args(arguments)
    found = asked.mailboxes or sorted(SHARED.glob("*.mbox*"), key=lambda each: -each.stat().st_size)
    if not found:
        print(f"There is no mailbox in {SHARED}.", file=sys.stderr)
        return 1
    lines = [line for mailbox in found[: 1 if asked.quick else MAILBOXES] for line in report(mailbox)]
    if asked.into is None:
        print("\n".join(lines))
    else:
        asked.into.write_text("\n".join([*lines, ""]), encoding="utf-8")
    return 0


def report(mailbox: Path) -> Iterator[str]:
    """Read one mailbox as of the owner's last word in it, and put its lists into words."""
    book = rulebooks.shipped()
    seen = trial.run([mailbox], now=datetime.now(UTC), zone="UTC", rulebook=book)
    last = max((each.last_out_at for each in seen.network.relations if each.last_out_at), default=None)
    if last is None:
        yield f"# {mailbox.name}: nobody"
        return
    seen = trial.run([mailbox], now=last, zone="UTC", rulebook=book)
    yield f"# {mailbox.name}: {len(seen.people)} people of {', '.join(seen.owner_addresses)}, as of {last:%d %B %Y}"
    found: Lists = lists(seen.network.relations, last, longest=LONGEST)
    for title, chosen in (
        ("About to lapse", found.about_to_lapse),
        ("Lapsed", found.lapsed),
        ("Formerly strong and now quiet", found.formerly_strong),
    ):
        yield f"\n## {title}"
        for number, one in enumerate(chosen, start=1):
            yield f"{number:2}. {reasons(one, last)}"
    yield ""


def reasons(one: Relation, now: datetime) -> str:
    """Say in one line why somebody is on a list."""
    terms = lapse_terms(one.contacts, now=now, horizon=QUARTER)
    strongest = max((term for term in terms if term.name not in {"start", "owner"}), key=lambda term: term.logit)
    chance = lapse_probability(one.contacts, now=now, horizon=QUARTER)
    quiet, usual = silence(one.contacts, now=now), rhythm(one.contacts)
    parts = (
        f"{len(touches(one.contacts))} two-way days",
        f"{one.interactions} contacts",
        f"silent {quiet.days if quiet else '?'} days",
        f"usually every {usual.days}" if usual else "no usual gap",
        f"{initiative(one):.0%} begun by the owner",
        f"chance of lapse {chance:.0%}, most of all: {strongest.text}",
    )
    return f"{one.person.name or one.person.id} <{one.person.addresses[0]}>: {'; '.join(parts)}"


if __name__ == "__main__":
    sys.exit(main())
