"""The owner's own circles, languages and folder of templates, from the settings to the words."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from rules.rulebook import RulebookError
from rules.wishes import Wishes
from rules.wording import WordingError
from worker import rulebooks
from worker.cli import run
from worker.config import ConfigError, load, owner_of, terms_for
from worker.exit_codes import OK, OWNER
from worker.settings import Config

Write = Callable[[str], Config]


@pytest.fixture
def config(tmp_path: Path) -> Write:
    """Read a config.toml with these lines."""

    def write(text: str) -> Config:
        file = tmp_path / "config.toml"
        file.write_text(f'[owners.ana]\naddresses = ["ana@firm.example"]\nzone = "Europe/Lisbon"\n{text}')
        return load(file)

    return write


def test_circles_languages_and_people_are_what_the_owner_wishes(config: Write) -> None:
    read = config(
        'languages = { "acme.example" = "de" }\n'
        '[owners.ana.circles.mentor]\ncadence = "2 months"\nquota = 1\nlanguage = "de"\n'
        "[owners.ana.month]\nquotas = { strategic = 2 }\n"
        '[[owners.ana.people]]\naddresses = ["Eva@Acme.example"]\nlanguage = "en"\n'
    )
    assert owner_of(read, "ana").wishes == Wishes(
        cadences={"mentor": timedelta(days=60)},
        circle_languages={"mentor": "de"},
        languages={"acme.example": "de", "eva@acme.example": "en"},
    )
    assert terms_for(read, "ana").quotas == {"mentor": 1, "strategic": 2}


def test_own_templates_lie_over_those_that_ship(config: Write, tmp_path: Path) -> None:
    folder = tmp_path / "words" / "en"
    folder.mkdir(parents=True)
    (folder / "check_in.hold.txt").write_text("Ring {{ name }}\n\n{{ why }}\n")
    (folder / ".thank_you.why.txt.swp").write_bytes(b"\xff")
    read = config('[rules]\ntemplates = "words"\n')
    assert read.rules.templates == tmp_path / "words"
    words = rulebooks.wording(read.rules.templates)
    assert words.hold("check_in", "en", {"name": "Eva", "why": "Because."}).title == "Ring Eva"
    assert words.names() == rulebooks.wording().names()


def test_a_folder_of_templates_that_is_not_there_is_named(config: Write) -> None:
    with pytest.raises(ConfigError) as caught:
        config('[rules]\ntemplates = "words"\n')
    assert [problem.key for problem in caught.value.problems] == ["rules.templates"]


def test_a_template_that_is_no_text_is_a_mistake_for_the_owner(tmp_path: Path) -> None:
    (tmp_path / "en").mkdir()
    (tmp_path / "en" / "check_in.hold.txt").write_bytes(b"\xff\xfe")
    with pytest.raises(WordingError, match="cannot be read"):
        rulebooks.wording(tmp_path)


def test_a_rule_without_words_for_it_is_found_before_it_is_run(tmp_path: Path) -> None:
    own = tmp_path / "rules.toml"
    own.write_text('[rules.check_in]\ntemplate = "chek_in"\n[rules.promise]\naction = "invite"\n')
    with pytest.raises(RulebookError) as caught:
        rulebooks.over_shipped(own)
    assert {problem.key: problem.message.partition(";")[2] for problem in caught.value.problems} == {
        "rules.check_in.template": " did you mean 'check_in'?",
        "rules.promise.action": " these have: check_in, in_town, missed_one_to_one, month, reconnect",
    }


def test_a_file_is_checked_for_the_templates_of_the_settings(
    config: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "words" / "en"
    folder.mkdir(parents=True)
    (folder / "call_up.hold.txt").write_text("Ring {{ name }}\n\n{{ why }}\n")
    (folder / "call_up.why.txt").write_text("You have not spoken.\n")
    draft = tmp_path / "draft.toml"
    draft.write_text('[rules.check_in]\ntemplate = "call_up"\n')
    monkeypatch.setenv("REKINDLE_CONFIG", str(tmp_path / "nothing.toml"))
    assert run(["rules", "check", str(draft)]) == OWNER
    assert "call_up" in capsys.readouterr().out
    read = config('[rules]\ntemplates = "words"\n')
    assert run(["rules", "check", str(draft), "--config", str(read.file)]) == OK, capsys.readouterr().out
    monkeypatch.setenv("REKINDLE_CONFIG", str(read.file))
    assert run(["rules", "check", str(draft)]) == OK
    assert run(["rules", "check", str(draft), "--config", str(tmp_path / "nothing.toml")]) == OWNER
