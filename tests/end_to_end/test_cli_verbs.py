"""What each verb does to a real installation: the demo's, put back for each test."""

from __future__ import annotations

import io
import json
import mailbox
import os
import re
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for this one call
import pytest

from tests.end_to_end.conftest import ROOT, Demo
from worker.cli import run
from worker.exit_codes import FAILED, INTERRUPTED, OK, OWNER, USAGE
from worker.json_schemas import schema_of


@pytest.fixture
def at(demo: Demo) -> str:
    """The demo's own now, for --now."""
    said = json.loads((demo.folder / "world" / "world.json").read_text())
    return str(said["now"])


@pytest.fixture
def asked(demo: Demo, at: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Any]:
    """Ask a reading verb for JSON, as of the demo's now; what it prints fits its schema."""
    monkeypatch.chdir(demo.home)
    monkeypatch.setenv("REKINDLE_CONFIG", str(demo.config))

    def ask(verb: str, *arguments: str) -> Any:  # noqa: ANN401 - JSON
        assert run([verb, *arguments, "--json", "--now", at]) == OK, capsys.readouterr().err
        printed = json.loads(capsys.readouterr().out)
        jsonschema.validate(printed, schema_of(verb), jsonschema.Draft202012Validator)
        return printed

    return ask


@pytest.fixture
def told(demo: Demo, at: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """Give a verb that changes something, as of the demo's now; returns what it said."""
    monkeypatch.chdir(demo.home)
    monkeypatch.setenv("REKINDLE_CONFIG", str(demo.config))

    def tell(verb: str, *arguments: str, code: int = OK) -> str:
        is_timed = verb not in {"export", "backup", "upgrade", "connect", "people", "doctor"}
        got = run([verb, *arguments, *(("--now", at) if is_timed else ())])
        printed = capsys.readouterr()
        assert got == code, printed.err
        assert "Traceback" not in printed.err
        return printed.out + printed.err

    return tell


def the(asked: Callable[..., Any], action: str, *verb: str) -> dict[str, Any]:
    """Return the one draft or hold the demo made, or another verb tells of."""
    return next(each for each in asked(*(verb or ("suggestions", "--all"))) if each["action"] == action)


def drafts(demo: Demo) -> list[Path]:
    return sorted((demo.folder / "out" / "Drafts").glob("*/*.eml"))


# Looking


def test_preview_changes_nothing(demo: Demo, asked: Callable[..., Any]) -> None:
    def rows() -> list[tuple[int, ...]]:
        with sqlite3.connect(demo.folder / "rekindle.db") as database:
            tables = ("suggestion", "audit", "person", "message", "note")
            return [database.execute(f"SELECT count(*) FROM {table}").fetchone() for table in tables]  # noqa: S608 - our own names

    before = rows()
    asked("preview")
    assert rows() == before


def test_suggestions_are_filtered_by_state_and_day(asked: Callable[..., Any], at: str) -> None:
    assert len(asked("suggestions", "--state", "delivered")) == len(asked("suggestions", "--all")) > 0
    assert asked("suggestions", "--state", "closed") == []
    assert asked("suggestions", "--all", "--since", "2099-01-01") == []


def test_people_lists_humans_and_with_all_everything_that_wrote(asked: Callable[..., Any]) -> None:
    assert {each["kind"] for each in asked("people")} == {"human"}
    everything = asked("people", "--all")
    assert {each["kind"] for each in everything} >= {"human", "owner", "machine", "list", "room"}
    assert all(each["state"] is None and each["reason"] for each in everything if each["kind"] in {"machine", "list", "room"})


def test_people_come_with_the_latest_contact_first(asked: Callable[..., Any]) -> None:
    last = [each["last_interaction"] for each in asked("people")]
    assert last == sorted(last, reverse=True)


def test_a_person_is_found_by_address_name_and_part_of_a_name(asked: Callable[..., Any]) -> None:
    answers = [asked("why", who) for who in ("daniel@vantagegrid.example", "Daniel Okonjo", "okonjo", "DANIEL OKONJO")]
    assert {answer["who"] for answer in answers} == {"Daniel Okonjo"}
    assert all(answer["facts"] for answer in answers)


@pytest.mark.parametrize("who", ["Lucia", "lucia fernandez", "LUCÍA", "Kruger", "Krüger"])
def test_accents_may_be_left_out(asked: Callable[..., Any], who: str) -> None:
    assert asked("why-not", who)["who"] in {"Lucía Fernández", "Sabine Krüger"}


def test_what_is_no_key_is_not_answered_as_a_name(asked: Callable[..., Any], told: Callable[..., str]) -> None:
    key = the(asked, "draft")["key"]
    for verb in ("approve", "dismiss"):
        assert "four characters at least" in told(verb, key[:3], code=FAILED)
        assert "There is no suggestion '0000'" in told(verb, "0000", code=FAILED)
        assert "Nobody" not in told(verb, key[:3], code=FAILED)
    assert "does not wait" in told("approve", key[:4])


def test_a_name_that_fits_several_is_answered_with_their_addresses(told: Callable[..., str]) -> None:
    said = told("why", "Jonas", code=FAILED)
    assert "jonas@meridian.example" in said
    assert "jonas.weber@posthorn.example" in said


def test_a_name_that_fits_nobody_says_where_to_look(told: Callable[..., str]) -> None:
    assert "people --all" in told("why", "Nobody At All", code=FAILED)


def test_a_machine_is_called_one(asked: Callable[..., Any], told: Callable[..., str]) -> None:
    machine = next(each for each in asked("people", "--all") if each["kind"] == "machine")
    said = told("why", machine["addresses"][0], code=FAILED)
    assert "a machine" in said
    assert machine["reason"] in said


def test_why_not_names_what_the_demo_is_about(asked: Callable[..., Any]) -> None:
    assert "coming up" in asked("why-not", "Lucía Fernández")["sentence"]
    assert "already written" in asked("why-not", "Tomasz Zielinski")["sentence"]
    assert "unanswered" in asked("why-not", "Victor Lindgren")["sentence"]


def test_why_not_says_each_fact_once(asked: Callable[..., Any]) -> None:
    """Two conditions on one fact, at least three days and at most ten, are one line to the owner."""
    for who in ("Hugo Brandt", "Victor Lindgren", "Tomasz Zielinski"):
        facts = [(fact["text"], fact["at"]) for fact in asked("why-not", who)["facts"]]
        assert len(facts) == len(set(facts))
        assert len(facts) > 3


def test_why_not_without_a_name_answers_for_everybody(asked: Callable[..., Any]) -> None:
    answer = asked("why-not")
    assert answer["who"] is None
    assert answer["sentence"]


def test_status_tells_calendars_from_folders_of_mail(told: Callable[..., str]) -> None:
    said = told("status")
    assert "world (calendar): read " in said
    assert "Inbox.mbox: read " in said


def test_status_shows_each_feed_read_to_the_end(asked: Callable[..., Any]) -> None:
    rows = asked("status")
    assert [each["feed"] for each in rows if each["kind"] is None] == [None]
    feeds = [each for each in rows if each["feed"] is not None]
    assert {each["kind"] for each in feeds} == {"mail", "calendar"}
    assert all(each["last_ok"] and each["error"] is None for each in feeds)
    coverage = {each["kind"]: each["coverage"] for each in feeds}
    assert coverage["mail"] == "0001-01-01T00:00:00Z"  # an mbox is read from its first message
    assert coverage["calendar"] == "2024-11-17T09:30:00Z"  # what ended before the history that is kept is passed over


# Steering


def test_a_dismissed_hold_leaves_the_calendar(demo: Demo, asked: Callable[..., Any], told: Callable[..., str]) -> None:
    hold = the(asked, "hold")
    assert "Dismissed" in told("dismiss", hold["key"][:10])
    assert (the(asked, "hold")["state"], the(asked, "hold")["close_reason"]) == ("closed", "dismissed")
    assert hold["subject"] not in "".join(file.read_text() for file in (demo.folder / "out").glob("*.ics"))


def test_a_draft_the_owner_changed_is_dismissed_but_stays(demo: Demo, asked: Callable[..., Any], told: Callable[..., str]) -> None:
    [draft] = drafts(demo)
    draft.write_bytes(draft.read_bytes() + b"\r\nP.S. Greetings to Sofia!\r\n")
    assert "stays" in told("dismiss", the(asked, "draft")["key"])
    assert drafts(demo) == [draft]


def test_what_waits_is_approved_by_key_name_or_all_at_once(demo: Demo, asked: Callable[..., Any], told: Callable[..., str]) -> None:
    with sqlite3.connect(demo.folder / "rekindle.db") as database:
        database.execute("UPDATE suggestion SET state = 'planned', mode = 'review', remote_id = NULL")
    draft, hold = the(asked, "draft"), the(asked, "hold")
    assert "Approved: Draft to" in told("approve", draft["person"]["name"])
    assert (the(asked, "draft")["state"], the(asked, "hold")["state"]) == ("approved", "planned")
    assert f"Approved: Hold for {hold['person']['name']}" in told("approve", "--all")
    assert the(asked, "hold")["state"] == "approved"
    assert "does not wait" in told("approve", draft["key"])
    assert "--all" in told("approve", code=USAGE)


def test_what_will_wait_says_so_before_and_what_will_not_when_it_is_made(
    demo: Demo, asked: Callable[..., Any], told: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "200")
    demo.config.write_text(demo.config.read_text() + '\n[owners.maya.modes]\nthank_you = "review"\n')
    with sqlite3.connect(demo.folder / "rekindle.db") as database:
        database.execute("DELETE FROM suggestion")
    draft, hold = the(asked, "draft", "preview"), the(asked, "hold", "preview")
    assert (draft["waits_for_you"], draft["due_at"], hold["waits_for_you"]) == (True, None, False)
    assert hold["due_at"]
    shown = told("preview")
    assert f"Will wait for you: `rekindle approve {draft['key']}`" in shown
    assert "is made by itself" in next(line for line in shown.splitlines() if line.startswith("Hold for"))


def test_what_waits_says_how_to_let_it_go(demo: Demo, asked: Callable[..., Any], told: Callable[..., str]) -> None:
    with sqlite3.connect(demo.folder / "rekindle.db") as database:
        database.execute("UPDATE suggestion SET state = 'planned', mode = 'review', remote_id = NULL")
    draft, hold = the(asked, "draft"), the(asked, "hold")
    assert (draft["waits_for_you"], hold["waits_for_you"], draft["due_at"]) == (True, True, None)
    keys = re.findall(r"Waits for you: `rekindle approve (\w+)`", told("suggestions"))
    assert sorted(keys) == sorted([draft["key"], hold["key"]])
    told("approve", *keys)
    shown = told("suggestions")
    assert "Waits for you" not in shown
    assert shown.count("is made by itself") == len(keys)
    assert not the(asked, "draft")["waits_for_you"]


def test_a_snoozed_person_is_left_alone_until_told_otherwise(asked: Callable[..., Any], told: Callable[..., str]) -> None:
    def state() -> str:
        return str(next(each["state"] for each in asked("people") if each["name"] == "Daniel Okonjo"))

    assert state() == "quiet"
    told("snooze", "Daniel Okonjo", "--until", "6w")
    assert state() == "snoozed"
    told("snooze", "Daniel Okonjo", "--end")
    assert state() == "quiet"
    assert "has passed" in told("snooze", "Daniel Okonjo", "--until", "2020-01-01", code=USAGE)


def test_a_hold_goes_once_a_coffee_is_logged(told: Callable[..., str]) -> None:
    assert "Hold for Marcus Bell" in told("suggestions")
    told("log", "Marcus Bell", "coffee")
    assert "1 suggestion changed" in told("deliver")
    assert "Hold for Marcus Bell" not in told("suggestions")


def test_people_says_that_no_account_is_read_any_more(told: Callable[..., str]) -> None:
    assert "No account is being read" not in told("people")
    told("disconnect", "disk", "--yes")
    assert "No account is being read" in told("people")


def test_a_suggestion_is_named_by_whom_it_is_for(told: Callable[..., str]) -> None:
    assert "Dismissed: Hold for Marcus Bell." in told("dismiss", "Marcus Bell")


def test_a_logged_coffee_counts_as_contact(asked: Callable[..., Any], told: Callable[..., str], at: str) -> None:
    assert "coffee" in told("log", "Daniel Okonjo", "coffee")
    daniel = next(each for each in asked("people") if each["name"] == "Daniel Okonjo")
    assert daniel["last_interaction"][:16] == at[:16]
    assert daniel["state"] == "in_touch"


def test_what_is_still_to_come_cannot_be_logged(told: Callable[..., str]) -> None:
    assert "still to come" in told("log", "Daniel Okonjo", "call", "--on", "2099-01-01", code=USAGE)


def test_a_pause_is_shown_and_ends(told: Callable[..., str]) -> None:
    assert "Paused until" in told("pause", "--until", "2w")
    for verb in ("status", "preview", "suggestions", "why-not"):
        assert told(verb).startswith("Paused until"), verb
        assert "Paused" not in told(verb, "--json"), "what is for machines stays as it is"
    assert "Going on" in told("pause", "--end")
    for verb in ("status", "preview", "suggestions", "why-not"):
        assert "Paused" not in told(verb), verb


def test_two_addresses_become_one_person_and_two_again(asked: Callable[..., Any], told: Callable[..., str]) -> None:
    def addresses() -> list[list[str]]:
        return sorted(sorted(each["addresses"]) for each in asked("people") if each["name"] == "Nadia Petrenko")

    both = ["nadia.petrenko@posthorn.example", "nadia@kestrelsoft.example"]
    told("people", "merge", *both)
    assert addresses() == [both]
    told("people", "split", both[0], both[1])
    assert addresses() == [[both[0]], [both[1]]]


# Taking back


def test_rollback_lists_asks_and_takes_back_what_is_untouched(
    demo: Demo, asked: Callable[..., Any], told: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "would be taken back" in told("rollback", "--since", "2w", "--dry-run")
    assert len(drafts(demo)) == 1
    said = told("rollback", "--since", "2w", "--yes")
    assert "gone" in said
    assert drafts(demo) == []
    assert {each["close_reason"] for each in asked("suggestions", "--all")} == {"withdrawn"}


def test_rollback_leaves_what_the_owner_changed(demo: Demo, told: Callable[..., str]) -> None:
    [draft] = drafts(demo)
    draft.write_bytes(draft.read_bytes() + b"\r\nP.S.\r\n")
    assert "for you have changed it" in told("rollback", "--since", "2w", "--yes")
    assert drafts(demo) == [draft]


def test_no_answer_is_no_yes(demo: Demo, told: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    for answer in ("", "n\n"):
        for verb, otherwise in (
            (("rollback", "--since", "2w"), "Nothing was taken back."),
            (("forget", "Rafael Quintero"), "Nothing was erased."),
            (("disconnect", "disk"), "Nothing was let go of."),
        ):
            monkeypatch.setattr("sys.stdin", io.StringIO(answer))
            said = told(*verb, code=INTERRUPTED)
            assert otherwise in said
            assert "--yes" in said
            assert "begun" not in said
    assert len(drafts(demo)) == 1
    assert "Rafael Quintero" in told("why-not", "Rafael Quintero")


def test_a_forgotten_person_leaves_no_trace_and_no_reading_brings_them_back(
    demo: Demo, asked: Callable[..., Any], told: Callable[..., str]
) -> None:
    hold = the(asked, "hold")
    name, [address, *_] = hold["person"]["name"], hold["person"]["addresses"]
    assert "Erased" in told("forget", name, "--yes")
    assert name not in "".join(file.read_text() for file in (demo.folder / "out").glob("*.ics"))
    told("pull")
    told("export", "--output", "everything.json")
    everything = (demo.home / "everything.json").read_text()
    assert name not in everything
    assert address not in everything


def test_an_address_that_is_nobodys_is_forgotten_too(demo: Demo, asked: Callable[..., Any], told: Callable[..., str]) -> None:
    stranger = next(each for each in asked("people", "--all") if each["kind"] == "unknown")["addresses"][0]
    assert "Erased" in told("forget", stranger, "--yes")
    told("export", "--output", "everything.json")
    assert stranger not in (demo.home / "everything.json").read_text()


def test_a_disconnected_account_is_neither_read_nor_written_until_it_is_connected_again(
    asked: Callable[..., Any], told: Callable[..., str]
) -> None:
    told("disconnect", "disk", "--yes")
    assert {each["state"] for each in asked("status")} == {"disconnected"}
    assert told("pull") == ""
    assert "is connected" in told("connect", "files", "--account", "disk")
    assert {each["state"] for each in asked("status")} == {"active"}


def test_an_unknown_account_is_answered_with_those_there_are(told: Callable[..., str]) -> None:
    assert "There is: disk." in told("disconnect", "dsik", "--yes", code=FAILED)


def test_export_is_json_with_every_table_and_no_overwriting(demo: Demo, told: Callable[..., str]) -> None:
    told("export", "--output", "everything.json")
    everything = json.loads((demo.home / "everything.json").read_text())
    assert {"message", "event", "person", "address", "suggestion", "audit", "feed"} <= everything.keys()
    assert "secret" not in everything
    assert len(everything["message"]) > 7000
    assert everything["message"][0]["sent_at"].endswith("+00:00")
    assert "is there already" in told("export", "--output", "everything.json", code=FAILED)


def test_a_backup_is_a_database_with_everything_in_it(demo: Demo, told: Callable[..., str]) -> None:
    told("backup", "copy.db")
    with sqlite3.connect(demo.home / "copy.db") as copy, sqlite3.connect(demo.folder / "rekindle.db") as database:
        assert copy.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        count = "SELECT count(*) FROM message"
        assert copy.execute(count).fetchone() == database.execute(count).fetchone()
    assert "copy.db is there already" in told("backup", "copy.db", code=FAILED)


def test_upgrade_of_a_current_database_says_so(told: Callable[..., str]) -> None:
    assert "already" in told("upgrade")


def test_a_database_of_another_version_is_refused_with_what_to_do(demo: Demo, told: Callable[..., str]) -> None:
    with sqlite3.connect(demo.folder / "rekindle.db") as database:
        database.execute("UPDATE alembic_version SET version_num = '9999'")
    assert "newer Rekindle" in told("people", code=OWNER)


# A disk that fills up


def test_a_disk_that_is_full_loses_nothing_and_the_next_pull_goes_on(demo: Demo, told: Callable[..., str]) -> None:
    """The largest file allowed is smaller than the database: every write beyond it fails."""
    (demo.folder / "rekindle.db").unlink()
    for left in demo.folder.glob("rekindle.db-*"):
        left.unlink()
    command = f"ulimit -f 2000; exec {sys.executable} -m worker.cli pull"
    environ = os.environ | {"PYTHONPATH": str(ROOT), "REKINDLE_CONFIG": str(demo.config)}
    done = subprocess.run(["bash", "-c", command], env=environ, capture_output=True, text=True, timeout=100, check=False)
    assert done.returncode == FAILED
    assert "Traceback" not in done.stderr
    assert "rekindle.db" in done.stderr
    assert "is read up to now" in told("pull")
    with sqlite3.connect(demo.folder / "rekindle.db") as database:
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert database.execute("SELECT count(*) FROM message").fetchone()[0] > 7000


# Promise 2


def test_no_body_of_anybodys_mail_is_in_the_database_or_in_anything_printed(
    demo: Demo, asked: Callable[..., Any], told: Callable[..., str]
) -> None:
    """Words that stand in bodies only: had one been kept, it would show."""
    bodies: set[str] = set()
    heads: list[str] = []
    for name in ("Inbox.mbox", "Sent.mbox"):
        for message in mailbox.mbox(demo.folder / "world" / name):
            payload = message.get_payload(decode=True)
            heads.append(str(message.items()))
            bodies |= set(re.findall(r"[\w ,']{24,}", payload.decode("utf-8", "replace") if isinstance(payload, bytes) else ""))
    canaries = {body for body in bodies if body not in "".join(heads)}
    assert len(canaries) > 20
    told("export", "--output", "everything.json")
    seen = (demo.folder / "rekindle.db").read_bytes() + (demo.home / "everything.json").read_bytes()
    printed = "".join(
        json.dumps(asked(verb, *more), ensure_ascii=False) for verb, *more in (("people", "--all"), ("preview",), ("status",))
    )
    text = seen.decode("utf-8", "replace") + printed
    assert [canary for canary in canaries if canary in text] == []
