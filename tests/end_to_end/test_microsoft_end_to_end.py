"""From a mail in Outlook to a draft in Outlook by the command line alone; and no word of a body on the way."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.connectors.contract import CANARY
from tests.end_to_end.microsoft_office import MicrosoftOffice
from worker.cli import run
from worker.exit_codes import OK


@pytest.fixture
def office(tmp_path: Path) -> Iterator[MicrosoftOffice]:
    office = MicrosoftOffice(tmp_path)
    yield office
    office.world.close()
    assert office.world.graph.violations == []


def verbs(office: MicrosoftOffice, *names: str) -> None:
    for name in names:
        assert run([name, "--config", str(office.config)]) == OK


def answered(office: MicrosoftOffice) -> None:
    """Connect, and then have a question come in."""
    office.acquaint(1)
    verbs(office, "pull", "decide")
    office.ask(1)
    verbs(office, "pull", "decide", "deliver")


def test_a_question_in_the_inbox_has_one_answer_in_the_drafts(office: MicrosoftOffice) -> None:
    answered(office)
    drafts = office.world.drafts()
    assert [(one.is_sent, one.to) for one in drafts] == [(False, ("eva1@elsewhere1.example",))]
    question = office.world.box.post.named("question.1@office.example")
    draft = office.world.box.post.named(drafts[0].message_id)
    assert question is not None
    assert draft is not None
    assert draft["conversationId"] == question["conversationId"], "it is a reply, in its thread"
    verbs(office, "pull", "decide", "deliver")
    assert len(office.world.drafts()) == 1


def test_no_word_of_a_body_is_anywhere(office: MicrosoftOffice, capsys: pytest.CaptureFixture[str]) -> None:
    for one in ("a", "b"):
        office.world.mail(f"{one}@x.example", at=office.world.graph.now(), body=f"{CANARY} {one}")
    now = office.world.graph.now()
    office.world.add_event("m@x.example", title="Lunch", description=CANARY, start=now, end=now)
    answered(office)
    out = capsys.readouterr()
    assert CANARY not in out.out + out.err
    holding = [file.name for file in office.home.rglob("*") if file.is_file() and CANARY.encode() in file.read_bytes()]
    assert holding == []


def test_a_crash_after_graph_has_the_draft_leaves_one(office: MicrosoftOffice) -> None:
    office.acquaint(1)
    verbs(office, "pull", "decide")
    office.ask(1)
    verbs(office, "pull", "decide")
    office.world.graph.fault("lose", "POST", "/messages$")
    run(["deliver", "--config", str(office.config)])
    assert len(office.world.drafts()) == 1
    for _ in range(2):
        run(["deliver", "--config", str(office.config)])
    assert len(office.world.drafts()) == 1


def test_a_draft_the_owner_deletes_stays_deleted(office: MicrosoftOffice) -> None:
    answered(office)
    made = office.world.box.post.named(office.world.drafts()[0].message_id)
    assert made is not None
    office.world.box.post.move(made["id"], "deleteditems")
    verbs(office, "pull", "decide", "deliver")
    assert office.world.drafts() == []


def test_an_account_that_cannot_be_opened_any_more_is_let_go_of_all_the_same(
    office: MicrosoftOffice, capsys: pytest.CaptureFixture[str]
) -> None:
    verbs(office, "pull")
    (office.home / "key").unlink()
    assert run(["disconnect", "work", "--yes", "--config", str(office.config)]) == OK
    assert "work is let go of" in capsys.readouterr().out
