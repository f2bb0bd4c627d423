"""Outlook drafts are made once: whatever is lost, whatever lags, whatever the owner does in between."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from itertools import product
from pathlib import Path

import pytest

from connectors.port import BEGINNING, Edited, Gone, Moved, PortError, Saved, Sent, Unclear, Untouched
from rules.suggestions import Draft
from tests.connectors.contract import EVA, NOON, a_draft
from tests.connectors.microsoft_world import MicrosoftWorld, mailbox
from tests.simulators.microsoft.faults import Kind
from tests.simulators.microsoft.post import QUOTED, recipient

LATER = timedelta(minutes=10)


@pytest.fixture
def world(tmp_path: Path) -> Iterator[MicrosoftWorld]:
    world = MicrosoftWorld(tmp_path)
    yield world
    world.close()
    assert world.graph.violations == []


def a_reply(world: MicrosoftWorld) -> Draft:
    world.mail("asked@elsewhere.example", at=NOON, subject="A question", conversationId="AAQk-thread")
    return replace(
        a_draft(), subject="Re: A question", in_reply_to="asked@elsewhere.example", references=("asked@elsewhere.example",)
    )


def made(world: MicrosoftWorld) -> list[dict[str, object]]:
    """Every message we made that still exists anywhere, deleted ones too."""
    return [one for id_, one in world.box.post.messages.items() if id_ in world.box.post.marks]


CRASHES: list[Kind] = ["drop", "lose", "truncate", "503", "500-html"]
MEANWHILE = [
    "nothing", "edited", "sent", "deleted", "removed for good", "links expired", "an older draft removed", "another came and went",
]  # fmt: skip


def meanwhile(world: MicrosoftWorld, what: str, older: str) -> None:
    """Do as the owner or the provider does between a crash and the retry."""
    post = world.box.post
    if what == "links expired":
        world.graph.expire_everything()
    elif what == "an older draft removed":
        post.remove(older)
    elif what == "another came and went":
        post.remove(post.add("drafts", isDraft=True)["id"])
    for one in made(world):
        saved = Saved(remote_id=str(one["id"]))
        match what:
            case "edited":
                world.graph.clock += timedelta(seconds=20)
                world.edit_draft(saved)
            case "sent":
                world.send_draft(saved)
            case "deleted":
                world.delete_draft(saved)
            case "removed for good":
                post.remove(saved.remote_id)
            case _:
                pass


@pytest.mark.parametrize("is_lagging", [False, True])
@pytest.mark.parametrize(("kind", "what"), list(product(CRASHES, MEANWHILE)))
@pytest.mark.parametrize("is_reply", [False, True])
def test_after_any_crash_there_is_one_draft_or_the_owners_will(
    world: MicrosoftWorld, kind: Kind, what: str, *, is_reply: bool, is_lagging: bool
) -> None:
    world.box.lag = timedelta(seconds=90) if is_lagging else timedelta(0)
    draft = a_reply(world) if is_reply else a_draft()
    older = str(world.box.post.add("drafts", isDraft=True)["id"])
    witness = mailbox(world).witness()
    world.graph.fault(kind, "POST", "/messages$")
    with suppress(PortError):
        mailbox(world).save_draft(draft, witness)
    was_made = bool(made(world))
    assert was_made == (kind in {"lose", "truncate"})
    meanwhile(world, what, older)
    first = mailbox(world).save_draft(draft, witness)
    if isinstance(first, Unclear):
        world.graph.clock += LATER
        first = mailbox(world).save_draft(draft, witness)
    again = mailbox(world).save_draft(draft, witness)
    if was_made and what in {"sent", "deleted"}:
        assert first == again == (Sent() if what == "sent" else Gone())
        assert len(made(world)) == 1
    elif was_made and what == "edited":
        assert first == again == Edited(), "what the owner has written there is not to be taken back as ours"
        assert len(made(world)) == 1
    elif (was_made and what == "removed for good") or (not was_made and what == "another came and went"):
        assert first == again == Gone(is_sure=False), "what came and is nowhere any more may have been ours"
        assert made(world) == []
    else:
        assert isinstance(first, Saved)
        assert isinstance(again, Saved)
        assert first.remote_id == again.remote_id
        assert len(made(world)) == 1


def test_a_draft_exchange_gave_another_message_id_is_known_by_its_mark(world: MicrosoftWorld) -> None:
    world.box.post.renames = True
    witness = mailbox(world).witness()
    world.graph.fault("lose", "POST", "/messages$")
    with suppress(PortError):
        mailbox(world).save_draft(a_draft(), witness)
    again = mailbox(world).save_draft(a_draft(), witness)
    assert isinstance(again, Saved)
    assert again.is_adopted
    assert len(made(world)) == 1


def test_a_search_that_knows_nothing_yet_is_unclear_for_a_while(world: MicrosoftWorld) -> None:
    world.box.lag = timedelta(seconds=90)
    witness = mailbox(world).witness()
    world.graph.fault("lose", "POST", "/messages$")
    with suppress(PortError):
        mailbox(world).save_draft(a_draft(), witness)
    world.send_draft(Saved(remote_id=str(made(world)[0]["id"])))
    world.box.post.move(str(made(world)[0]["id"]), "archive")
    world.graph.expire_everything()
    found = mailbox(world).save_draft(a_draft(), witness)
    assert isinstance(found, Unclear)
    world.graph.clock += found.retry_after * 4
    assert mailbox(world).save_draft(a_draft(), witness) == Sent()


@pytest.mark.parametrize("since", ["the witness", "the beginning"])
def test_a_draft_its_owner_has_edited_is_theirs_also_where_the_log_tells_nothing(world: MicrosoftWorld, since: str) -> None:
    witness = mailbox(world).witness()
    world.graph.fault("lose", "POST", "/messages$")
    with suppress(PortError):
        mailbox(world).save_draft(a_draft(), witness)
    world.graph.clock += timedelta(seconds=20)
    world.edit_draft(Saved(remote_id=str(made(world)[0]["id"])))
    world.graph.expire_everything()
    assert mailbox(world).save_draft(a_draft(), witness if since == "the witness" else BEGINNING) == Edited()
    assert len(made(world)) == 1


@pytest.mark.parametrize("is_log_lost", [False, True])
def test_a_draft_its_owner_has_put_elsewhere_before_the_retry_is_not_taken_up(world: MicrosoftWorld, *, is_log_lost: bool) -> None:
    """Whether its change date tells of that is not said anywhere; where it lies does."""
    witness = mailbox(world).witness()
    world.graph.fault("lose", "POST", "/messages$")
    with suppress(PortError):
        mailbox(world).save_draft(a_draft(), witness)
    world.move_draft(Saved(remote_id=str(made(world)[0]["id"])))
    if is_log_lost:
        world.graph.expire_everything()
    assert mailbox(world).save_draft(a_draft(), witness) == Moved()
    assert len(made(world)) == 1


def test_a_draft_sent_right_after_a_late_retry_is_not_made_again(world: MicrosoftWorld) -> None:
    world.box.lag = timedelta(seconds=90)
    witness = mailbox(world).witness()
    world.graph.clock += LATER
    world.graph.fault("lose", "POST", "/messages$")
    with suppress(PortError):
        mailbox(world).save_draft(a_draft(), witness)
    world.send_draft(Saved(remote_id=str(made(world)[0]["id"])))
    assert mailbox(world).save_draft(a_draft(), witness) == Sent()
    assert len(made(world)) == 1


def test_a_reply_joins_its_conversation_with_one_post_and_no_quote(world: MicrosoftWorld) -> None:
    draft = a_reply(world)
    world.graph.requests.clear()
    saved = mailbox(world).save_draft(draft, mailbox(world).witness())
    assert isinstance(saved, Saved)
    posts = [path for method, path in world.graph.requests if method == "POST"]
    assert posts == ["/v1.0/me/messages"]
    lies = world.box.post.messages[saved.remote_id]
    assert (lies["conversationId"], lies["internetMessageId"]) == ("AAQk-thread", f"<{draft.message_id}>")
    assert QUOTED not in str(lies["body"])


def test_where_mime_is_not_taken_the_reply_is_graphs_own_and_marked_in_the_same_call(world: MicrosoftWorld) -> None:
    draft = a_reply(world)
    world.graph.fault("400", "POST", "/messages$")
    witness = mailbox(world).witness()
    saved = mailbox(world).save_draft(draft, witness)
    assert isinstance(saved, Saved)
    lies = world.box.post.messages[saved.remote_id]
    assert (lies["conversationId"], lies["internetMessageId"]) == ("AAQk-thread", f"<{draft.message_id}>")
    assert [one["value"] for one in world.box.post.marks[saved.remote_id]] == [draft.key]
    assert QUOTED not in repr(saved)
    again = mailbox(world).save_draft(draft, witness)
    assert isinstance(again, Saved)
    assert again.is_adopted


def test_a_reply_to_mail_that_is_gone_is_a_draft_all_the_same(world: MicrosoftWorld) -> None:
    draft = replace(a_draft(), in_reply_to="gone@elsewhere.example")
    world.graph.fault("400", "POST", "/messages$")
    assert isinstance(mailbox(world).save_draft(draft, mailbox(world).witness()), Saved)
    assert len(made(world)) == 1


def test_ids_with_apostrophes_and_plus_signs_are_found(world: MicrosoftWorld) -> None:
    world.mail("o'neil+1@elsewhere.example", at=NOON, conversationId="AAQk-o")
    draft = replace(a_draft(), in_reply_to="o'neil+1@elsewhere.example")
    world.graph.fault("400", "POST", "/messages$")
    saved = mailbox(world).save_draft(draft, mailbox(world).witness())
    assert isinstance(saved, Saved)
    assert world.box.post.messages[saved.remote_id]["conversationId"] == "AAQk-o"


def test_another_message_with_the_same_message_id_is_not_ours_to_take(world: MicrosoftWorld) -> None:
    mailbox(world).save_draft(a_draft(), mailbox(world).witness())
    world.box.post.add("inbox", internetMessageId=f"<{a_draft().message_id}>", toRecipients=[recipient(EVA.email)])
    again = mailbox(world).save_draft(a_draft(), BEGINNING)
    assert isinstance(again, Saved)
    assert again.remote_id in world.box.post.marks


def test_marking_a_draft_as_read_is_no_edit(world: MicrosoftWorld) -> None:
    saved = mailbox(world).save_draft(a_draft(), mailbox(world).witness())
    assert isinstance(saved, Saved)
    world.box.post.mark_read(saved.remote_id)
    assert mailbox(world).look(saved) == Untouched()


def test_a_draft_keeps_its_id_when_it_is_sent(world: MicrosoftWorld) -> None:
    saved = mailbox(world).save_draft(a_draft(), mailbox(world).witness())
    assert isinstance(saved, Saved)
    world.send_draft(saved)
    assert mailbox(world).look(saved) == Sent()


def test_a_draft_edited_in_the_moment_of_withdrawing_stays(world: MicrosoftWorld) -> None:
    side = mailbox(world)
    saved = side.save_draft(a_draft(), side.witness())
    assert isinstance(saved, Saved)
    looks = iter([Untouched(), Edited()])
    real, side._drafts.look = side._drafts.look, lambda _: next(looks)  # type: ignore[attr-defined]  # noqa: SLF001 - between two requests
    world.edit_draft(saved)
    assert side.withdraw(saved) == Edited()
    assert real(saved) == Edited()


def test_what_is_written_goes_to_drafts_and_nowhere_else(world: MicrosoftWorld) -> None:
    side = mailbox(world)
    side.save_draft(a_draft(), side.witness())
    side.save_draft(a_reply(world), side.witness())
    writes = {(method, path) for method, path in world.graph.requests if method != "GET" and "$batch" not in path}
    assert writes == {("POST", "/v1.0/me/messages")}
