"""What set-up writes: settings a person can read, that say exactly what was answered, or nothing at all."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from worker.advice import Refusal
from worker.config import load
from worker.config_problems import ConfigError
from worker.setup import Answers, NewAccount, add_account, create

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


def answers(**other: object) -> Answers:
    given_: dict[str, object] = {
        "owner": "ana",
        "full_name": "Ana Lopez",
        "addresses": ("ana@home.example",),
        "zone": "Europe/Madrid",
    }
    return Answers(**(given_ | other))  # type: ignore[arg-type]  # a builder takes any field


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(name=TEXT, signature=TEXT)
def test_settings_say_what_was_answered_whatever_was_typed(tmp_path: Path, name: str, signature: str) -> None:
    file = tmp_path / "config.toml"
    file.unlink(missing_ok=True)
    create(file, answers(full_name=name, signature=signature))
    owner = load(file).owners["ana"]
    assert (owner.name, owner.signature) == (name, signature)


def test_every_answer_comes_back(tmp_path: Path) -> None:
    mail = tmp_path / "all.mbox"
    mail.touch()
    account = NewAccount(name="files", provider="files", settings=(("mail", (str(mail),)), ("out", str(tmp_path / "out"))))
    create(
        tmp_path / "config.toml",
        answers(
            hours="08:00-16:30",
            language="de",
            holds_per_week=1,
            thank_yous_per_week=2,
            people=("iris@north.example", "jo@north.example"),
            accounts=(account,),
        ),
    )
    owner = load(tmp_path / "config.toml").owners["ana"]
    assert owner.language == "de"
    assert (owner.caps.holds_per_week, owner.caps.thank_yous_per_week) == (1, 2)
    assert [each.addresses for each in owner.people] == [("iris@north.example",), ("jo@north.example",)]
    assert owner.accounts["files"].settings["mail"] == (str(mail),)


def test_what_was_not_answered_is_not_written(tmp_path: Path) -> None:
    create(tmp_path / "config.toml", answers())
    assert "caps" not in (tmp_path / "config.toml").read_text()
    assert "accounts" not in (tmp_path / "config.toml").read_text()


def test_only_the_owner_can_read_the_settings(tmp_path: Path) -> None:
    create(tmp_path / "config.toml", answers())
    assert stat.S_IMODE((tmp_path / "config.toml").stat().st_mode) == 0o600


def test_settings_that_are_there_are_never_overwritten(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("# mine\n")
    with pytest.raises(Refusal, match="there already"):
        create(file, answers())
    assert file.read_text() == "# mine\n"


def test_an_answer_that_cannot_be_used_writes_nothing(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        create(tmp_path / "config.toml", answers(zone="Europe/Madridd", hours="late"))
    told = str(caught.value)
    assert "owners.ana.zone" in told
    assert "owners.ana.hours" in told
    assert str(tmp_path / "config.toml") in told
    assert list(tmp_path.iterdir()) == []


def test_adding_an_account_leaves_every_other_line_as_it_is(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    create(file, answers())
    file.write_text(file.read_text().replace('zone = "Europe/Madrid"', 'zone = "Europe/Madrid"  # since 2019'))
    before = file.read_text()
    add_account(
        file, "ana", NewAccount(name="archive", provider="files", settings=(("mail", ("/data/mail",)), ("out", "/data/out")))
    )
    assert file.read_text().startswith(before.rstrip())
    assert list(load(file).owners["ana"].accounts) == ["archive"]


def test_an_account_is_not_added_twice(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    create(file, answers())
    account = NewAccount(name="archive", provider="files", settings=(("mail", ("/data/mail",)),))
    add_account(file, "ana", account)
    with pytest.raises(Refusal, match="already"):
        add_account(file, "ana", account)
