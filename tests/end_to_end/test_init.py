"""`rekindle init`: a few questions, a preview of what it would make, and one yes, or nothing."""

from __future__ import annotations

import io
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest

from worker.cli import run
from worker.config import load
from worker.exit_codes import FAILED, OK, OWNER, USAGE

NOW = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)
AT = "2026-11-17T10:30"


def letters(ended: int = 150) -> str:
    """A year of letters with Iris, one every ten days each way, that ended five months ago, or so many days."""
    written = []
    for number in range(40):
        at = NOW - timedelta(days=ended + 5 * number)
        ana, iris = "Ana Lopez <ana@home.example>", "Iris Novak <iris@north.example>"
        sender, other = (ana, iris) if number % 2 else (iris, ana)
        written.append(
            f"From x {at:%a %b %d %H:%M:%S %Y}\nFrom: {sender}\nTo: {other}\nDate: {format_datetime(at)}\n"
            f"Message-ID: <{number}@home.example>\nIn-Reply-To: <{number + 1}@home.example>\nSubject: Plans\n\nBody\n\n"
        )
    return "".join(written)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder with a mailbox and no settings."""
    (tmp_path / "all.mbox").write_text(letters())
    for name in ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "REKINDLE_CONFIG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("TZ", "Europe/Madrid")
    monkeypatch.chdir(tmp_path)
    return tmp_path


Tell = Callable[..., str]


@pytest.fixture
def answer(home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Tell:
    """Run init with these lines typed; returns what was said."""

    def answered(*lines: str, options: tuple[str, ...] = (), code: int = OK) -> str:
        monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))
        got = run(["init", *options, "--now", AT])
        printed = capsys.readouterr()
        assert got == code, printed.err
        return printed.out + printed.err

    return answered


DIALOGUE = ("Ana Lopez", "ana@home.example", "all.mbox", "", "", "", "1", "2", "", "", "iris@north.example")


def settings(home: Path) -> Path:
    return home / ".config" / "rekindle" / "config.toml"


def column(home: Path, name: str) -> object:
    """Return a column of the owner's row."""
    with sqlite3.connect(home / ".local" / "state" / "rekindle" / "rekindle.db") as database:
        return database.execute(f"SELECT {name} FROM owner").fetchone()[0]  # noqa: S608 - our own names


def test_the_preview_goes_by_what_is_kept_and_says_what_is_not(home: Path, answer: Tell) -> None:
    (home / "all.mbox").write_text(letters(ended=800))
    said = answer(*DIALOGUE, "y")
    assert "Left out: 40 messages and meetings more than 730 days old" in said
    assert "Hold for" not in said


def test_the_dialogue_ends_with_a_preview_and_one_yes(home: Path, answer: Tell) -> None:
    said = answer(*DIALOGUE, "y")
    assert "Hold for Iris Novak" in said
    assert "No mail or meeting that I can see since June." in said
    assert "Shall Rekindle" in said.split("Hold for Iris Novak")[1]
    owner = load(settings(home)).owners["ana"]
    assert (owner.name, owner.zone, owner.addresses[0]) == ("Ana Lopez", "Europe/Madrid", "ana@home.example")
    assert (owner.caps.holds_per_week, owner.caps.thank_yous_per_week) == (1, 2)
    assert [each.addresses for each in owner.people] == [("iris@north.example",)]
    assert owner.accounts["files"].settings["mail"] == (str(home / "all.mbox"),)
    assert column(home, "started_at") is not None
    assert column(home, "paused_until") is None


@pytest.mark.parametrize("last", ["n", ""])
def test_without_a_yes_nothing_is_ever_made(home: Path, answer: Tell, last: str) -> None:
    assert "nothing is made" in answer(*DIALOGUE, last)
    assert column(home, "started_at") is None
    assert column(home, "paused_until") is not None
    assert run(["decide", "--now", AT]) == OK
    assert run(["deliver", "--now", AT]) == OK
    assert not list(home.rglob("*.ics"))


def test_the_preview_makes_nothing(home: Path, answer: Tell) -> None:
    answer(*DIALOGUE, "y")
    with sqlite3.connect(home / ".local" / "state" / "rekindle" / "rekindle.db") as database:
        assert database.execute("SELECT count(*) FROM suggestion").fetchone() == (0,)


def test_after_the_yes_the_hold_of_the_preview_is_made(home: Path, answer: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    answer(*DIALOGUE, "y")
    assert run(["decide", "--now", AT]) == OK
    assert run(["deliver", "--now", AT]) == OK
    assert "Iris Novak" in "".join(file.read_text() for file in home.rglob("*.ics"))


def test_a_wrong_answer_is_asked_for_again(home: Path, answer: Tell) -> None:
    lines = list(DIALOGUE)
    lines[1:2] = ["ana at home", "ana@home.example"]
    said = answer(*lines, "y")
    assert "is no mail address" in said
    assert load(settings(home)).owners["ana"].addresses[0] == "ana@home.example"


@pytest.mark.parametrize(
    ("place", "wrong", "sentence"),
    [
        (0, "n", "'n' is no name."),
        (0, "   ", "A name is wanted."),
        (1, "n", "'n' is no mail address"),
        (1, ", ;", "One address at least is wanted."),
        (1, "ana@home", "'ana@home' is no mail address"),
        (2, "no", "press Enter alone for none"),
        (3, "no", "press Enter alone for none"),
        (3, "all.mbox", "all.mbox holds mail, no calendar. `rekindle connect files` adds mail later."),
        (4, "Madrit", "Did you mean Europe/Madrid?"),
        (5, "n", "write it like 09:00-18:00"),
        (5, "9-5", "'9-5' ends before it begins."),
        (6, "y", "'y' is no number."),
        (7, "-1", "'-1' is no number."),
        (9, "Spanish", "'Spanish' is no language"),
        (9, "fr", "There are no templates in 'fr', only in de, en"),
        (10, "n", "'n' is no mail address"),
        (10, " ".join(f"p{number}@north.example" for number in range(11)), "at most 10 can matter most"),
    ],
)
def test_an_answer_to_another_question_is_asked_for_again(home: Path, answer: Tell, place: int, wrong: str, sentence: str) -> None:
    said = answer(*DIALOGUE[:place], wrong, *DIALOGUE[place:], "y")
    assert sentence in said
    owner = load(settings(home)).owners["ana"]
    assert (owner.name, owner.language, owner.caps.thank_yous_per_week) == ("Ana Lopez", "en", 2)
    assert [each.addresses for each in owner.people] == [("iris@north.example",)]


CALENDAR = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\nEND:VCALENDAR\r\n"


@pytest.mark.parametrize(("answered", "is_read"), [("", True), ("none", False)])
def test_a_calendar_that_lies_with_the_mail_is_the_usual_answer(home: Path, answer: Tell, answered: str, *, is_read: bool) -> None:
    (home / "takeout").mkdir()
    (home / "all.mbox").rename(home / "takeout" / "all.mbox")
    (home / "takeout" / "ana.ics").write_text(CALENDAR)
    said = answer(*DIALOGUE[:2], "takeout", answered, *DIALOGUE[4:], "y")
    assert f"('none' for none) [{home / 'takeout'}]" in said
    account = load(settings(home)).owners["ana"].accounts["files"]
    assert ("calendar" in account.settings) is is_read


def test_a_script_is_told_of_a_calendar_that_lies_with_the_mail(home: Path, answer: Tell) -> None:
    (home / "ana.ics").write_text(CALENDAR)
    named = ("--name", "Ana Lopez", "--address", "ana@home.example", "--zone", "Europe/Madrid", "--yes")
    assert f"If {home} holds your calendar too, add --calendar {home}: it is not read." in answer(options=(*named, "--mail", "."))
    assert "calendar" not in load(settings(home)).owners["ana"].accounts["files"].settings


def test_scripts_say_it_all_by_options(home: Path, answer: Tell) -> None:
    said = answer(
        options=("--name", "Ana Lopez", "--address", "ana@home.example", "--zone", "Europe/Lisbon", "--mail", "all.mbox", "--yes")
    )
    assert "Hold for Iris Novak" in said
    assert load(settings(home)).owners["ana"].zone == "Europe/Lisbon"
    assert column(home, "started_at") is not None


def test_the_key_is_made_and_is_the_owners_alone(home: Path, answer: Tell) -> None:
    answer(*DIALOGUE, "y")
    key = home / ".local" / "state" / "rekindle" / "master.key"
    assert key.stat().st_mode & 0o777 == 0o600
    assert run(["doctor"]) == OK


def test_settings_that_are_there_are_left_alone(home: Path, answer: Tell) -> None:
    answer(*DIALOGUE, "y")
    before = settings(home).read_text()
    assert "there already" in answer(*DIALOGUE, "y", code=OWNER)
    assert settings(home).read_text() == before


def test_only_ten_people_can_matter_most(home: Path, answer: Tell) -> None:
    people = [part for number in range(11) for part in ("--key-person", f"p{number}@north.example")]
    assert "at most 10" in answer(options=("--name", "Ana", "--address", "a@home.example", "--yes", *people), code=USAGE)
    assert not settings(home).exists()


def test_a_script_that_says_too_little_is_told_what_is_wanted(home: Path, answer: Tell) -> None:
    assert "--address" in answer(options=("--name", "Ana", "--yes"), code=USAGE)
    assert not settings(home).exists()


def test_an_option_that_cannot_be_used_writes_nothing(home: Path, answer: Tell) -> None:
    said = answer(options=("--name", "Ana", "--address", "a@home.example", "--hours", "late", "--yes"), code=OWNER)
    assert "hours" in said
    assert not settings(home).exists()


def test_an_account_is_connected_later_and_only_once(home: Path, answer: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    assert "Good. Connect an account" in answer("Ana Lopez", "ana@home.example", *[""] * 9, "y")
    assert run(["connect", "files", "all.mbox", "--account", "archive"]) == OK
    assert "all.mbox" in capsys.readouterr().out
    assert "archive" in load(settings(home)).owners["ana"].accounts
    assert run(["connect", "files", "all.mbox", "--account", "archive"]) != OK
    assert "already" in capsys.readouterr().err
    assert run(["pull"]) == OK


def sent_by_turns() -> str:
    """The letters with Iris, those of Ana sent under two addresses and filed as sent."""
    filed = letters().replace("From: Ana Lopez", "X-Gmail-Labels: Sent\nFrom: Ana Lopez").split("From x ")[1:]
    turned = [each.replace("ana@home.example", "ana@work.example") if number % 4 > 1 else each for number, each in enumerate(filed)]
    return "".join(f"From x {each}" for each in turned)


def own(home: Path) -> tuple[str, ...]:
    return load(settings(home)).owners["ana"].addresses


def test_an_address_the_mail_shows_beside_the_one_named_is_asked_for(home: Path, answer: Tell) -> None:
    (home / "all.mbox").write_text(sent_by_turns())
    said = answer(*DIALOGUE[:4], "y", *DIALOGUE[4:], "y")
    assert "seems to be yours under ana@work.example too" in said
    assert own(home) == ("ana@home.example", "ana@work.example")


def test_an_address_that_is_not_the_owners_after_all_is_left_out(home: Path, answer: Tell) -> None:
    (home / "all.mbox").write_text(sent_by_turns())
    answer(*DIALOGUE[:4], "n", *DIALOGUE[4:], "y")
    assert own(home) == ("ana@home.example",)


def test_a_script_that_names_too_few_addresses_is_told_which_to_add(home: Path, answer: Tell) -> None:
    (home / "all.mbox").write_text(sent_by_turns())
    scripted = ("--name", "Ana Lopez", "--zone", "Europe/Madrid", "--mail", "all.mbox", "--yes")
    said = answer(options=(*scripted, "--address", "ana@home.example"))
    assert "ana@work.example. What is from or to them counts as somebody else's." in said
    assert "--address ana@work.example" in said
    assert str(settings(home)) in said
    assert own(home) == ("ana@home.example",)


def test_who_names_all_their_addresses_is_asked_nothing_more(home: Path, answer: Tell) -> None:
    (home / "all.mbox").write_text(sent_by_turns())
    said = answer(*DIALOGUE[:1], "ana@home.example, ana+x@work.example", *DIALOGUE[2:], "y")
    assert "seems to be yours" not in said


def of_another(home: Path) -> None:
    """The same letters, of an owner who named only an address that is on none of them."""
    (home / "all.mbox").write_text(letters())
    named = ("--address", "ana@elsewhere.example", "--name", "Ana Lopez", "--zone", "Europe/Madrid")
    assert run(["init", *named, "--mail", "all.mbox", "--yes", "--now", AT]) == OK


def test_mail_of_which_none_is_the_owners_is_called_that_everywhere(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    of_another(home)
    told = "Of 40 messages read none is from or to ana@elsewhere.example."
    said = [capsys.readouterr().out]
    for verb, code in (("people", OK), ("doctor", OWNER)):
        assert run([verb, "--now", AT]) == code
        said.append(" ".join(capsys.readouterr().out.split()))
    assert told in said[1]
    assert told in said[2]
    assert all("[owners.ana]" in each for each in said)
    assert "thank-yous come after meetings" not in said[0]
    assert "All is well" not in said[2]


def test_mail_hardly_any_of_which_is_the_owners_is_called_that_beside_the_few(
    home: Path, answer: Tell, capsys: pytest.CaptureFixture[str]
) -> None:
    others = [
        f"From x Tue Nov 10 09:00:00 2026\nFrom: Bo Lind <bo@west.example>\nTo: Cy Roth <cy@east.example>\n"
        f"Date: Tue, 10 Nov 2026 09:00:00 +0100\nMessage-ID: <{number}@west.example>\nSubject: Plans\n\nBody\n\n"
        for number in range(400)
    ]
    (home / "all.mbox").write_text("".join(["From x " + "From x ".join(letters().split("From x ")[1:4]), *others]))
    answer(options=("--address", "ana@home.example", "--name", "Ana Lopez", "--mail", "all.mbox", "--yes"))
    assert run(["people", "--now", AT]) == OK
    told = " ".join(capsys.readouterr().out.split())
    assert "Iris Novak" in told
    assert "Of 403 messages read only 3 are from or to ana@home.example." in told


def test_people_says_what_was_read_where_nobody_is_there(home: Path, answer: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    (home / "all.mbox").write_text("".join(f"From x {each}" for each in letters().split("From x ")[1:] if "\nFrom: Iris" in each))
    said = answer(*DIALOGUE[:-1], "", "y")
    assert run(["people", "--now", AT]) == OK
    told = " ".join(capsys.readouterr().out.split())
    assert "Nobody yet: 20 messages read, but of the mail only what came to you, and nothing you sent." in told
    assert "Nobody yet: 20 messages read" in said


def test_people_says_what_to_do_before_anything_was_read(home: Path, answer: Tell, capsys: pytest.CaptureFixture[str]) -> None:
    answer("Ana Lopez", "ana@home.example", *[""] * 9, "y")
    assert run(["people", "--now", AT]) == OK
    assert "`rekindle pull` reads" in capsys.readouterr().out


def test_part_of_a_name_is_enough_for_why_not_also_outside_the_network(
    home: Path, answer: Tell, capsys: pytest.CaptureFixture[str]
) -> None:
    once = letters().split("From x ")[1].replace("Iris Novak <iris", "Dmitri Carver-Vance <dmitri").replace("<0@", "<once@")
    (home / "all.mbox").write_text(f"{letters()}From x {once}")
    answer(*DIALOGUE, "y")
    for who in ("Dmitri", "carver-vance", "Dmitri Carver-Vance", "dmitri@north.example"):
        assert run(["why-not", who, "--now", AT]) == OK
        told = capsys.readouterr().out
        assert "Dmitri Carver-Vance" in told
        assert "dmitri@north.example is nobody of your network: " in " ".join(told.split())
    assert run(["why-not", "Zelda", "--now", AT]) == FAILED
    assert "Nobody here is called 'Zelda'." in capsys.readouterr().err
