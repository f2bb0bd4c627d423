"""Month, want, promise, mute, never, attention, backtest and status per rule, on the demo's installation."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]  # its stubs are a package of their own, for this one call
import pytest

from tests.end_to_end.conftest import Demo
from worker.cli import run
from worker.exit_codes import FAILED, OK, USAGE
from worker.json_schemas import schema_of
from worker.words import span

Tell = Callable[..., str]
Ask = Callable[..., Any]


@pytest.fixture
def at(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> str:
    """The demo's own now; its settings and folder are those of the verbs."""
    monkeypatch.chdir(demo.home)
    monkeypatch.setenv("REKINDLE_CONFIG", str(demo.config))
    return str(json.loads((demo.folder / "world" / "world.json").read_text())["now"])


@pytest.fixture
def tell(at: str, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Give a verb, and return what it said."""

    def give(*arguments: str, code: int = OK, now: str = at) -> str:
        assert run([*arguments, "--now", now]) == code, capsys.readouterr().err
        printed = capsys.readouterr()
        assert "Traceback" not in printed.err
        return printed.out + printed.err

    return give


@pytest.fixture
def ask(at: str, capsys: pytest.CaptureFixture[str]) -> Ask:
    """Ask a verb for JSON; what it prints fits its schema."""

    def question(verb: str, *arguments: str, schema: str = "", now: str = at) -> Any:  # noqa: ANN401 - JSON
        assert run([verb, *arguments, "--json", "--now", now]) == OK, capsys.readouterr().err
        printed = json.loads(capsys.readouterr().out)
        jsonschema.validate(printed, schema_of(schema or verb), jsonschema.Draft202012Validator)
        return printed

    return question


def texts(demo: Demo) -> dict[str, str]:
    """The drafts that lie in the owner's folder, by who they are to."""
    found = {}
    for file in (demo.folder / "out" / "Drafts").glob("*/*.eml"):
        text = file.read_text("utf-8")
        to = next(line for line in text.splitlines() if line.startswith("To:"))
        found[to] = text
    return found


def test_the_month_stays_and_is_measured_when_it_is_over(ask: Ask) -> None:
    first = ask("month")
    assert 2 <= len(first["people"]) <= 4
    assert all(each["why"] and each["circle"] for each in first["people"])
    assert ask("month", now="2026-11-29T12:00:00+01:00")["people"] == first["people"]
    later = ask("month", now="2026-12-02T12:00:00+01:00")
    assert later["month"] == "2026-12"
    assert later["earlier"]["month"] == "2026-11"
    assert later["earlier"]["sentence"] == f"0 of {len(first['people'])} done, 0 answered."
    carried = {each["person"]["name"] for each in later["people"] if each["is_carried"]}
    assert carried <= {each["person"]["name"] for each in first["people"]}


def test_who_is_silent_stands_on_one_of_three_lists_with_the_reason_in_a_sentence(tell: Tell, ask: Ask) -> None:
    found = ask("people", "quiet", schema="people-quiet")
    names = {which: [each["person"]["name"] for each in people] for which, people in found.items()}
    assert names == {"about_to_lapse": [], "lapsed": ["Rafael Quintero"], "formerly_strong": ["Daniel Okonjo", "Ingrid Halvorsen"]}
    said = " ".join(tell("people", "quiet").split())
    assert said.index("Lapsed") < said.index("Rafael Quintero") < said.index("Formerly strong") < said.index("Daniel Okonjo")
    assert "Silent for 4 months where every 13 days is usual: 39 days in" in said
    assert "About to lapse" not in said
    assert "Not all whom `people` calls quiet" in said
    called_quiet = {each["name"] for each in ask("people") if each["state"] == "quiet"}
    assert called_quiet > {name for people in names.values() for name in people}
    assert len(ask("people", "quiet", "--most", "1", schema="people-quiet")["formerly_strong"]) == 1


def test_who_is_put_off_or_left_alone_is_on_no_list_of_the_silent(tell: Tell, ask: Ask) -> None:
    tell("snooze", "Ingrid Halvorsen")
    tell("mute", "Rafael Quintero")
    found = ask("people", "quiet", schema="people-quiet")
    assert [each["person"]["name"] for people in found.values() for each in people] == ["Daniel Okonjo"]
    assert "Nobody" in tell("people", "quiet", now="2027-03-01T10:00:00+01:00"), "nothing was read for months: no silence is judged"


def test_sharing_the_month_names_nobody_unless_asked(demo: Demo, tell: Tell, ask: Ask) -> None:
    names = [each["person"]["name"] for each in ask("month")["people"]]
    tell("month", "--share", "pat@coach.example")
    [plain] = [text for to, text in texts(demo).items() if "pat@coach.example" in to]
    assert not any(name in plain for name in names)
    assert "already" in tell("month", "--share", "pat@coach.example", code=FAILED)
    tell("month", "--share", "sam@coach.example", "--names")
    [named] = [text for to, text in texts(demo).items() if "sam@coach.example" in to]
    assert any(name.split()[-1] in named for name in names)


def test_a_first_contact_is_one_draft_that_asks_for_fifteen_minutes(demo: Demo, tell: Tell, ask: Ask) -> None:
    tell("want", "Fay Ode", "fay@far.example", "--for", "advice", "--about", "data contracts")
    [draft] = [text for to, text in texts(demo).items() if "fay@far.example" in to]
    assert "15 minutes" in draft
    assert "data contracts" in draft
    assert "nobody gets two" in tell("want", "Fay Ode", "Fay@FAR.example", code=FAILED)
    assert "no mail address" in tell("want", "Fay", "fay", code=USAGE)
    [wanted] = ask("month")["wanted"]
    assert (wanted["person"], wanted["is_done"]) == ({"name": "Fay Ode", "addresses": ["fay@far.example"]}, False)
    assert "To get to know: Fay Ode, the draft waits for you" in tell("month")
    tell("deliver")
    assert [text for to, text in texts(demo).items() if "fay@far.example" in to] == [draft]


def test_a_stranger_is_greeted_by_a_first_name_only_where_it_is_certain(demo: Demo, tell: Tell) -> None:
    tell("want", "Ode, Fay (EXT)", "fay@far.example")
    tell("want", "Dr. Gus Lind", "gus@near.example")
    [unsure] = [text for to, text in texts(demo).items() if "far.example" in to]
    [certain] = [text for to, text in texts(demo).items() if "near.example" in to]
    assert "\nHello,\n" in unsure
    assert "\nHello Gus,\n" in certain


def test_two_strangers_at_one_organisation_never_read_the_same(demo: Demo, tell: Tell) -> None:
    for name in ("Fay Ode", "Gus Lind"):
        tell("want", name, f"{name.split()[0].lower()}@far.example", "--for", "advice", "--about", "data contracts")
    drafts_ = [text for to, text in texts(demo).items() if "@far.example" in to]
    assert sorted("for a short call" in text for text in drafts_) == [False, True]
    refused = tell("want", "Ida Rook", "ida@far.example", "--for", "advice", "--about", "data contracts", code=FAILED)
    assert "the same text twice would be noticed" in refused
    tell("want", "Ida Rook", "ida@far.example", "--for", "idea", "--about", "platform teams")


def test_whoever_is_known_gets_no_first_contact(tell: Tell, ask: Ask) -> None:
    known = next(each for each in ask("people") if each["name"] == "Marcus Bell")
    assert "You know Marcus Bell already" in tell("want", "Marcus", known["addresses"][0], code=FAILED)


def test_a_promise_is_open_until_it_is_kept(tell: Tell, ask: Ask) -> None:
    assert "by Fri 20 Nov" in tell("promise", "Marcus Bell", "send the paper", "--by", "friday")
    [found] = ask("promise")
    assert (found["text"], found["person"]["name"]) == ("send the paper", "Marcus Bell")
    assert "send the paper" in tell("promise")
    assert found["id"] == 1
    tell("promise", "--done", "1")
    assert ask("promise") == []
    assert "no open promise" in tell("promise", "--done", str(found["id"]), code=FAILED)
    assert "no day" in tell("promise", "Marcus Bell", "x", "--by", "whenever", code=USAGE)
    tell("log", "Marcus Bell", "coffee")
    tell("promise", "Marcus Bell", "the second", "--by", "friday")
    tell("promise", "Marcus Bell", "the third, due first", "--by", "tomorrow")
    assert [(each["id"], each["text"]) for each in ask("promise")] == [(3, "the third, due first"), (2, "the second")]
    tell("promise", "--done", "3")
    assert [each["id"] for each in ask("promise")] == [2]


def test_a_promise_keeps_its_number_when_somebody_it_was_not_made_to_is_forgotten(tell: Tell, ask: Ask) -> None:
    first, second, other = (each["name"] for each in ask("people")[:3])
    tell("promise", first, "the paper", "--by", "friday")
    tell("promise", second, "the slides", "--by", "friday")
    tell("promise", other, "the book", "--by", "friday")
    before = {each["id"]: each["text"] for each in ask("promise")}
    tell("forget", first, "--yes")
    assert {each["id"]: each["text"] for each in ask("promise")} == {2: "the slides", 3: "the book"} == dict([*before.items()][1:])
    assert "no open promise 1" in tell("promise", "--done", "1", code=FAILED)
    assert "the slides is kept" in tell("promise", "--done", "2")
    tell("promise", other, "the film", "--by", "friday")
    assert {each["id"]: each["text"] for each in ask("promise")} == {3: "the book", 4: "the film"}


def test_an_ask_without_a_give_is_warned_about(tell: Tell, ask: Ask) -> None:
    assert "You gave Marcus Bell nothing that I know of" in tell("log", "Marcus Bell", "a reference", "--ask")
    assert "is there something to give first?" in tell("log", "Marcus Bell", "an introduction", "--ask")
    assert any("nothing given, twice asked" in each["text"] for each in ask("why", "Marcus Bell")["facts"])
    tell("log", "Marcus Bell", "read his draft", "--give")
    assert "give first" not in tell("log", "Marcus Bell", "a talk", "--ask")


def test_one_command_leaves_somebody_alone_everywhere(demo: Demo, tell: Tell, ask: Ask) -> None:
    [draft] = [each for each in ask("suggestions") if each["action"] == "draft" and each["state"] == "delivered"]
    who = draft["person"]["addresses"][0]
    tell("mute", who, "--because", "died")
    assert not any(who in to for to in texts(demo))
    assert "they died" in ask("why-not", who)["sentence"]
    [listed] = ask("mute")
    assert (listed["kind"], listed["reason"]) == ("person", "they died")
    tell("mute", who, "--end")
    assert ask("mute") == []


def test_a_never_list_is_imported_and_counts_from_then_on(demo: Demo, tell: Tell, ask: Ask, tmp_path: Path) -> None:
    table = tmp_path / "list.csv"
    table.write_text("Name,Email\nMarcus Bell,marcus.bell@bellwater.example\nRival,@rival.example\nFay Ode,fay@far.example\n")
    known = next(each for each in ask("people") if each["name"] == "Marcus Bell")
    table.write_text(table.read_text().replace("marcus.bell@bellwater.example", known["addresses"][0]))
    assert "3 added" in tell("never", "--import", str(table))
    assert "nothing new" in tell("never", "--import", str(table))
    tell("never", "board matters")
    for doubtful in ("not an address@", "@@rival.example", "bob@rival", "@ rival.example"):
        assert "neither an address nor an organisation" in tell("never", doubtful, code=USAGE)
    assert "1 added" in tell("never", "Lunch @ Joe's")
    (demo.folder / "never-maya.txt").write_text((demo.folder / "never-maya.txt").read_text().replace("Lunch @ Joe's\n", ""))
    assert [(each["kind"], each["entry"]) for each in ask("never")][-3:] == [
        ("person", "fay@far.example"),
        ("domain", "rival.example"),
        ("title", "board matters"),
    ]
    for stranger in ("Fay@far.example", "gus@RIVAL.example", "ida@eu.rival.example"):
        assert "never-list" in tell("want", "Someone New", stranger, code=FAILED)
    assert "never-list" in tell("month", "--share", "pat@rival.example", code=FAILED)
    tell("decide")
    assert next(each for each in ask("people") if each["name"] == "Marcus Bell")["state"] == "muted"
    assert (demo.folder / "never-maya.txt").stat().st_mode & 0o077 == 0
    assert "2 added" in tell("never", "amy@far.example, Bo <bo@far.example>  # retired")


def test_attention_and_backtest_look_at_the_whole_history(ask: Ask, tell: Tell) -> None:
    spread = ask("attention")
    assert spread["top_share"] == pytest.approx(sum(each["share"] for each in spread["top"]), abs=0.01)
    assert spread["hours"] > 0
    assert 0 < spread["gini"] < 1
    assert spread["sentence"] in tell("attention").replace("\n", " ")
    replayed = ask("backtest", "--from", "6m")
    assert sum(each["made"] for each in replayed["rules"]) == len(replayed["suggestions"]) > 0
    assert {each["rule"] for each in replayed["suggestions"]} == {each["rule"] for each in replayed["rules"]}
    assert all(replayed["since"] <= each["at"] <= replayed["until"] for each in replayed["suggestions"])
    assert "no history" in tell("backtest", "--from", "2026-11-01", "--to", "2026-10-01", code=USAGE)


def test_status_says_per_rule_what_was_accepted_and_discarded(tell: Tell, ask: Ask) -> None:
    before = {each["rule"]: each for each in ask("status", "--rules", schema="status-rules")}
    [draft] = [each for each in ask("suggestions") if each["action"] == "draft"]
    tell("dismiss", draft["key"])
    after = {each["rule"]: each for each in ask("status", "--rules", schema="status-rules")}
    assert after[draft["rule"]]["discarded"] == before[draft["rule"]]["discarded"] + 1
    assert "Discarded" in tell("status")


def test_every_verb_says_the_same_usual_gap(ask: Ask, tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    usual = [each for each in ask("people") if each["rhythm_days"] and each["state"] != "booked"]
    table = tell("people").splitlines()
    assert len(usual) > 5
    for each in usual:
        gap = span(timedelta(days=each["rhythm_days"]))
        said = [fact["text"] for fact in ask("why-not", each["addresses"][0])["facts"]]
        assert f"usually in touch every {gap.removeprefix('1 ')}" in said, each
        assert [line for line in table if line.startswith(each["name"]) and gap in line], each
