"""`rekindle demo`: the whole service on an invented world, with results one can open; and nothing new the second time."""

from __future__ import annotations

import email
import email.policy
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import icalendar
import pytest
import time_machine

from tests.end_to_end.conftest import Demo, rekindle
from worker.cli import run
from worker.exit_codes import OK

NEVER = ("Tomasz Zielinski", "Sofia Marchetti", "Jonas Weber", "Stefan Maier", "Lucía Fernández", "Victor Lindgren", "Paul Renard")
"""Already thanked, declined, an interview, a weekly vendor, booked, unanswered, gone: nothing is made for them."""


def suggestions(demo: Demo) -> list[dict[str, object]]:
    """What the outbox holds."""
    done = rekindle("suggestions", "--all", "--json", "--config", str(demo.config), cwd=demo.home)
    assert done.returncode == OK, done.stderr
    found: list[dict[str, object]] = json.loads(done.stdout)
    return found


def made(demo: Demo) -> dict[str, bytes]:
    """Every file of what it made, by path."""
    out = demo.folder / "out"
    return {str(each.relative_to(out)): each.read_bytes() for each in sorted(out.rglob("*")) if each.is_file()}


def drafts(demo: Demo) -> list[Path]:
    """The drafts."""
    return sorted((demo.folder / "out" / "Drafts").glob("*/*.eml"))


def test_there_is_a_thank_you_and_a_hold_and_each_says_why(demo: Demo) -> None:
    found = suggestions(demo)
    assert {(each["rule"], each["action"]) for each in found} >= {("thank_you", "draft"), ("check_in", "hold")}
    assert all(each["state"] == "delivered" and each["remote_id"] and each["why"] and each["evidence"] for each in found)


def test_drafts_are_mail_that_can_be_opened_and_sent(demo: Demo) -> None:
    found = [each for each in suggestions(demo) if each["action"] == "draft"]
    assert len(drafts(demo)) == len(found) > 0
    for file, each in zip(drafts(demo), sorted(found, key=lambda each: str(each["key"])), strict=True):
        mail = email.message_from_bytes(file.read_bytes(), policy=email.policy.default)
        assert mail["Subject"] == each["subject"]
        assert mail["To"].addresses[0].addr_spec in each["person"]["addresses"]  # type: ignore[index]  # JSON
        body = mail.get_body(("plain",))
        assert body is not None
        assert body.get_content().strip() == str(each["text"]).strip()
        assert not re.search(r"\{|\}|\[|TODO|lorem", body.get_content())


def test_holds_are_private_free_and_have_no_guests(demo: Demo) -> None:
    calendar = icalendar.Calendar.from_ical((demo.folder / "out" / "Holds.ics").read_bytes())
    events = calendar.walk("VEVENT")
    found = [each for each in suggestions(demo) if each["action"] == "hold"]
    assert sorted(str(event["SUMMARY"]) for event in events) == sorted(str(each["subject"]) for each in found)
    for event in events:
        assert "ATTENDEE" not in event
        assert "ORGANIZER" not in event
        assert event["TRANSP"] == "TRANSPARENT"
        assert event["CLASS"] == "PRIVATE"
        assert not event.walk("VALARM")


def test_nothing_is_made_where_it_would_be_wrong(demo: Demo) -> None:
    names = {str(each["person"]["name"]) for each in suggestions(demo)}  # type: ignore[index]  # JSON
    assert not names & set(NEVER)


def test_mailbox_and_calendar_never_speak_of_lapses(demo: Demo) -> None:
    for name, content in made(demo).items():
        assert not re.search(rb"laps|silent|ghost|\d ?%", content, re.IGNORECASE), name


def test_it_tells_what_it_made_and_what_it_did_not_and_why(demo: Demo) -> None:
    told = demo.told
    for each in suggestions(demo):
        assert str(each["why"]) in told
        assert str(each["person"]["name"]) in told  # type: ignore[index]  # JSON
    reasons = told.partition("What it would not make, and why not")[2]
    assert "You already have a meeting with Lucía Fernández coming up." in reasons
    assert "Victor Lindgren are still unanswered" in reasons
    assert "at your own organisation" in reasons
    assert "Nothing was sent." in reasons


def test_the_readme_shows_what_it_really_says(demo_once: Demo, root: Path) -> None:
    """It says that it is a part: its lines stand in what is said, in this order. The month goes with the day the demo was made."""

    def plain(text: str) -> str:
        return re.sub(r"\b(January|February|March|April|May|June|July|August|September|October|November|December)\b", "MONTH", text)

    before, _, rest = (root / "README.md").read_text().partition("<!-- demo: begin -->")
    assert before.rstrip().endswith("This is what the demo says, in part:")
    lines = [line.strip() for line in rest.partition("<!-- demo: end -->")[0].splitlines() if line.strip()]
    assert len(lines) > 10
    left = plain(demo_once.told)
    for line in lines:
        assert plain(line) in left, line
        left = left.partition(plain(line))[2]


def test_every_path_it_names_is_there(demo: Demo) -> None:
    paths = re.findall(rf"{re.escape(str(demo.folder))}[\w./-]*", demo.told)
    assert len(paths) >= 3
    assert all(Path(path).exists() for path in paths)


def test_a_second_run_makes_nothing_new(demo: Demo) -> None:
    before, known = made(demo), suggestions(demo)
    done = rekindle("demo", cwd=demo.home)
    assert done.returncode == OK, done.stderr
    assert "Nothing new." in done.stdout
    assert made(demo) == before
    assert suggestions(demo) == known


@pytest.mark.parametrize(
    "later", [timedelta(days=1), timedelta(days=7), timedelta(days=400)], ids=lambda later: f"{later.days} days later"
)
def test_a_second_run_on_another_day_makes_nothing_new(
    demo: Demo, later: timedelta, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = made(demo)
    monkeypatch.chdir(demo.home)
    with time_machine.travel(datetime.now(UTC) + later):
        assert run(["demo"]) == OK
    assert "Nothing new." in capsys.readouterr().out
    assert made(demo) == before


def test_a_hold_the_owner_deleted_stays_deleted(demo: Demo) -> None:
    for file in (demo.folder / "out").rglob("*.ics"):
        file.unlink()
    for draft in drafts(demo):
        draft.unlink()
    done = rekindle("demo", cwd=demo.home)
    assert done.returncode == OK, done.stderr
    assert drafts(demo) == []
    events = [
        event
        for file in (demo.folder / "out").rglob("*.ics")
        for event in icalendar.Calendar.from_ical(file.read_bytes()).walk("VEVENT")
    ]
    assert events == []


def test_an_interrupted_demo_is_taken_up_again(demo: Demo) -> None:
    (demo.folder / "world" / "world.json").unlink()
    before = len(drafts(demo))
    done = rekindle("demo", cwd=demo.home)
    assert done.returncode == OK, done.stderr
    assert len(drafts(demo)) == before


def test_every_verb_works_on_the_demo_with_its_settings(demo: Demo) -> None:
    now = ("--config", str(demo.config), "--now", "2026-11-17T10:30")
    for verb in ("people", "preview", "status", "suggestions", "why-not"):
        assert rekindle(verb, *now, cwd=demo.home).returncode == OK
