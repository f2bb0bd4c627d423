"""What is older than the owner keeps: gone before anything is decided, and what was made of it still says why."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for this one call
import pytest

from connectors.port import Saved
from rules.facts import Address
from rules.keys import key, message_id
from rules.suggestions import Draft, Suggestion
from worker.app import App, frozen_clock
from worker.cli import run
from worker.config import load
from worker.exit_codes import FAILED, OK
from worker.json_schemas import schema_of
from worker.store import outbox

NOW = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)
AT = "2026-11-17T10:30"
LATER = "2026-12-05T10:00"
"""Eighteen days on: what was 714 days old is older than the 730 that are kept."""
OWNER = ("--name", "Ana Lopez", "--address", "ana@home.example", "--zone", "Europe/Madrid")
Tell = Callable[..., str]


def letters(other: str, ended: float, *, every: timedelta = timedelta(hours=9), count: int = 40) -> str:
    """So many letters by turns with somebody, the last of them so many days ago."""
    written = []
    for number in range(count):
        at, name = NOW - timedelta(days=ended) - number * every, other.partition("<")[2][:-1]
        sender, to = ("Ana Lopez <ana@home.example>", other) if number % 2 else (other, "Ana Lopez <ana@home.example>")
        written.append(
            f"From x {at:%a %b %d %H:%M:%S %Y}\nFrom: {sender}\nTo: {to}\nDate: {format_datetime(at)}\n"
            f"Message-ID: <{number}.{name}>\nIn-Reply-To: <{number + 1}.{name}>\nSubject: Plans\n\nBody\n\n"
        )
    return "".join(written)


@pytest.fixture
def tell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Run a verb in a home of its own; returns what it said."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("REKINDLE_CONFIG", str(tmp_path / "config.toml"))
    monkeypatch.chdir(tmp_path)

    def told(*arguments: str, now: str = AT, code: int = OK) -> str:
        got = run([*arguments, "--now", now])
        printed = capsys.readouterr()
        assert got == code, printed.err
        return printed.out + printed.err

    return told


def begun(tell: Tell, mail: str) -> None:
    """Set up on this mail."""
    Path("all.mbox").write_text(mail)
    tell("init", "--config", "config.toml", *OWNER, "--mail", "all.mbox", "--out", "out", "--yes")


@pytest.fixture
def dropped(tell: Tell) -> Tell:
    """A hold for Iris lies in the calendar, and all mail with her has since grown too old to be kept."""
    begun(tell, letters("Iris Novak <iris@north.example>", 714))
    tell("decide")
    assert "1 suggestion changed" in tell("deliver")
    tell("decide", now=LATER)
    assert "Nobody yet" in tell("people", now=LATER)
    return tell


def asked(tell: Tell, verb: str, *arguments: str, now: str = LATER) -> Any:  # noqa: ANN401 - JSON
    """What a verb prints as JSON, once it fits its schema."""
    printed = json.loads(tell(verb, *arguments, "--json", now=now))
    jsonschema.validate(printed, schema_of(verb), jsonschema.Draft202012Validator)
    return printed


@pytest.mark.parametrize("who", ["Iris Novak", "iris", "IRIS@north.example"])
def test_a_hold_says_why_though_what_is_behind_it_is_kept_no_longer(dropped: Tell, who: str) -> None:
    found = asked(dropped, "why", who)
    assert found["who"] == "Iris Novak"
    assert found["sentence"].endswith("no mail or meeting that I can see since December 2024.")
    told = [fact["text"] for fact in found["facts"]]
    assert "hold delivered" in told
    assert "mail and meetings more than 730 days old are no longer kept (`retention`)" in told
    against = asked(dropped, "why-not", who)
    assert against["sentence"] == f"There is something for Iris Novak: {found['sentence']}"


def test_why_of_another_year_says_as_of_when(dropped: Tell) -> None:
    found = asked(dropped, "why", "Iris Novak", now="2027-01-04T10:00")
    assert found["sentence"].endswith("that I can see since December 2024 (as of 17 November 2026).")
    against = asked(dropped, "why-not", "Iris Novak", now="2027-01-04T10:00")
    assert against["sentence"] == f"There is something for Iris Novak: {found['sentence']}"


def test_a_hold_keeps_the_name_it_is_for(dropped: Tell) -> None:
    held = next(each for each in asked(dropped, "suggestions") if each["action"] == "hold")
    assert held["person"] == {"name": "Iris Novak", "addresses": ["iris@north.example"]}
    assert "Hold for Iris Novak" in dropped("suggestions", now=LATER)


def test_one_the_owner_names_in_the_settings_is_answered_for_alike(tell: Tell) -> None:
    begun(tell, letters("Iris Novak <iris@north.example>", 714))
    with Path("config.toml").open("a") as settings:
        settings.write('\n[[owners.ana.people]]\naddresses = ["iris@north.example"]\ncadence = "6 weeks"\n')
    for verb in ("pull", "decide", "deliver"):
        tell(verb)
    tell("decide", now=LATER)
    assert asked(tell, "people")[0]["last_interaction"] is None
    assert "that I can see since December 2024." in asked(tell, "why", "iris@north.example")["sentence"]
    assert asked(tell, "why-not", "iris@north.example")["sentence"].startswith("There is something for ")


def test_it_can_still_be_dismissed_by_name(dropped: Tell) -> None:
    dropped("pull", now=LATER)
    dropped("dismiss", "Iris Novak", now=LATER)
    assert [each for each in asked(dropped, "suggestions") if each["action"] == "hold"] == []
    assert "is nothing for Iris Novak now" in asked(dropped, "why", "Iris Novak")["sentence"]
    assert "nothing for Iris Novak" in dropped("dismiss", "Iris Novak", now=LATER, code=FAILED)


@pytest.mark.parametrize("who", ["Iris Novak", "iris@north.example"])
def test_forgetting_still_erases_all_of_it(dropped: Tell, tmp_path: Path, who: str) -> None:
    dropped("forget", who, "--yes", now=LATER)
    with sqlite3.connect(tmp_path / "rekindle.db") as database:
        assert "novak" not in "".join(database.iterdump()).casefold()
        assert "iris@" not in "".join(database.iterdump()).casefold()
    assert all(each["person"] == {"name": None, "addresses": []} for each in asked(dropped, "suggestions", "--all"))
    assert "somebody who is forgotten" in dropped("suggestions", "--all", now=LATER)
    assert "Nobody here is called" in dropped("why", who, now=LATER, code=FAILED)


@pytest.mark.parametrize("who", ["Iris Novak", "iris@north.example"])
def test_forgetting_takes_back_a_draft_to_somebody_else_that_speaks_of_them(dropped: Tell, tmp_path: Path, who: str) -> None:
    deliver(introduced(), datetime(2026, 12, 5, 8, tzinfo=UTC), tmp_path / "config.toml")
    dropped("pull", now=LATER)
    drafts = tmp_path / "out" / "Drafts" / "new"
    assert [each for each in drafts.iterdir() if "Iris Novak" in each.read_text()]
    dropped("forget", who, "--yes", now=LATER)
    assert list(drafts.iterdir()) == []


def deliver(made: Suggestion, at: datetime, settings: Path) -> None:
    """Plan a draft and put it in place, whatever would be decided of it by then."""
    assert isinstance(made.action, Draft)
    with closing(App.open(load(settings), clock=frozen_clock(at))) as app, closing(app.open_connection("ana/files")) as opened:
        assert opened.mailbox is not None
        witness = opened.mailbox.witness()
        saved = opened.mailbox.save_draft(made.action, witness)
        assert isinstance(saved, Saved)
        with app.store.write() as database:
            assert outbox.plan(database, "ana", "ana/files", made, (made.address,), at)
            claimed = outbox.claim(database, made.key, witness, at, timedelta(minutes=1))
            assert claimed is not None
            outbox.confirm(database, claimed, saved, at, at + timedelta(days=1))


def introduced() -> Suggestion:
    """A thank-you to Kim for meeting Iris."""
    name, kim = key("ana", "thank_you", "meeting:1", "kim@west.example"), Address(email="kim@west.example", name="Kim Weiss")
    draft = Draft(
        key=name,
        message_id=message_id(name, "home.example"),
        from_=Address(email="ana@home.example", name="Ana Lopez"),
        to=(kim,),
        subject="Thank you",
        text="Dear Kim,\n\nthank you for bringing Iris Novak and me together.\n\nAna",
        date=NOW,
    )
    return Suggestion(
        key=name, rule="thank_you", cause="meeting:1", person_id="", address=kim.email, action=draft, why="You met.", evidence=()
    )


def test_forgetting_says_what_still_lies_in_mailbox_and_calendar(dropped: Tell, tmp_path: Path) -> None:
    """An account is read again before anything of it is taken away, where that is a day ago."""
    deliver(introduced(), datetime(2026, 12, 5, 8, tzinfo=UTC), tmp_path / "config.toml")
    said = dropped("forget", "Iris Novak", "--yes", now=LATER)
    assert "Hold for Iris Novak: is taken away as soon as its account answers" in said
    assert "Draft to Kim Weiss: is taken away as soon as its account answers" in said
    for verb in ("pull", "deliver"):
        dropped(verb, now=LATER)
    assert list((tmp_path / "out" / "Drafts" / "new").iterdir()) == []
    assert list((tmp_path / "out" / "holds").iterdir()) == []


def test_forgetting_an_address_that_is_no_utf_8_is_no_bug(dropped: Tell) -> None:
    assert "Erased: 0 rows" in dropped("forget", "caf\udce9@north.example", "--yes", now=LATER)
    assert [each for each in asked(dropped, "suggestions") if each["action"] == "hold"]


# Before deciding


def test_what_preview_and_month_show_is_what_decide_makes(tell: Tell) -> None:
    begun(tell, letters("Kim Weiss <kim@west.example>", 60, every=timedelta(days=7)))
    with Path("all.mbox").open("a") as box:
        box.write(letters("Iris Novak <iris@north.example>", 735))
        box.write(letters("Ola Berg <ola@east.example>", 90, every=timedelta(days=19)))
    assert "Left out: 46 messages and meetings more than 730 days old" in tell("pull")
    preview, month = asked(tell, "preview", now=AT), asked(tell, "month", now=AT)
    assert preview
    assert {each["person"]["name"] for each in month["people"]} == {"Kim Weiss", "Ola Berg"}
    preview = asked(tell, "preview", now=AT)
    tell("decide")
    made = asked(tell, "suggestions", now=AT)
    assert {each["key"]: each["why"] for each in made} == {each["key"]: each["why"] for each in preview}
    assert asked(tell, "month", now=AT) == month


def test_nothing_is_decided_on_what_the_same_night_lets_go_of(tell: Tell) -> None:
    begun(tell, letters("Iris Novak <iris@north.example>", 714))
    assert asked(tell, "preview", now=AT)
    app = App.open(load(Path("config.toml")), clock=frozen_clock(NOW + timedelta(days=18)))
    try:
        app.pull("ana/files")
        assert app.decide("ana") == 0
    finally:
        app.close()
    assert asked(tell, "suggestions", "--all") == []


def test_a_present_time_far_ahead_of_the_clock_costs_no_history(tell: Tell) -> None:
    begun(tell, letters("Kim Weiss <kim@west.example>", 60, every=timedelta(days=7)))
    known = asked(tell, "people", now=AT)
    for verb in ("pull", "decide"):
        assert "Left out" not in tell(verb, now="2033-01-01T10:00")
    assert asked(tell, "people", now=AT) == known


# What status says of it


def of_archive(status: list[dict[str, Any]]) -> dict[str, Any]:
    """The row of the one file of mail."""
    return next(each for each in status if each["feed"] and each["feed"].endswith("all.mbox"))


def test_status_counts_what_was_read_and_is_older_than_is_kept(tell: Tell) -> None:
    begun(tell, letters("Kim Weiss <kim@west.example>", 60, every=timedelta(days=7)) + letters("Iris <iris@north.example>", 735))
    feed = of_archive(asked(tell, "status", now=AT))
    assert feed["skipped"] == [{"reason": "older than is kept (`retention`)", "count": 40}]
    assert feed["coverage"] == "2024-11-17T09:30:00Z"
    assert "40 left out: older than is kept (`retention`)" in tell("status")


def test_status_counts_what_has_grown_too_old_since(tell: Tell) -> None:
    begun(tell, letters("Kim Weiss <kim@west.example>", 714))
    assert not any(each["skipped"] for each in asked(tell, "status", now=AT))
    tell("decide", now=LATER)
    feed = of_archive(asked(tell, "status"))
    assert feed["skipped"] == [{"reason": "older than is kept (`retention`)", "count": 40}]


def test_old_history_that_comes_after_the_days_first_decide_is_never_there(tell: Tell) -> None:
    begun(tell, letters("Kim Weiss <kim@west.example>", 60, every=timedelta(days=7)))
    app = App.open(load(Path("config.toml")), clock=frozen_clock(NOW))
    try:
        app.pull("ana/files")
        app.decide("ana")
        known, history = asked(tell, "people", now=AT), of_archive(asked(tell, "status", now=AT))["coverage"]
        with Path("all.mbox").open("a") as box:
            box.write(letters("Iris Novak <iris@north.example>", 735))
        while app.pull("ana/files"):
            pass
        assert asked(tell, "people", now=AT) == known
        assert app.decide("ana") == 0
    finally:
        app.close()
    feed = of_archive(asked(tell, "status", now=AT))
    assert (history, feed["coverage"]) == ("0001-01-01T00:00:00Z", "2024-11-17T09:30:00Z")
    assert sum(each["count"] for each in feed["skipped"]) == 40
