"""Headers read in a second process say just what would have been read here, whatever becomes of that process."""

from __future__ import annotations

import errno
import marshal
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors import imap_beside
from connectors.frames import Pipe
from connectors.imap_ahead import MOST, Ahead
from connectors.imap_beside import Beside, beside
from connectors.imap_reading import Packed, Read, Reading
from tests.connectors.pickled import Pickled, as_read

READING = Reading(validity=7, role="\\Inbox")
KINDS = st.sampled_from(["plain", "list", "calendar", "several", "nameless", "flagged", "labelled", "dateless", "junk"])


def letter(uid: int, kind: str) -> bytes:
    """One message's answer, as servers write it."""
    sender, to = f"Person {uid % 7} <p{uid % 7}@x.example>", ", ".join(f"q{each}@y.example" for each in range(uid % 4))
    fields = [f"From: {sender}", f"To: {to}", "Date: Mon, 16 Nov 2026 10:00:00 +0530", f"Subject: =?utf-8?q?Stra=C3=9Fe?= {uid}"]
    fields += [f"Message-ID: <{uid}@x.example>", f"In-Reply-To: <{uid - 1}@x.example>", f"References: <{uid - 2}@x.example>"]
    match kind:
        case "list":
            fields += [
                f"List-Id: <l{uid % 3}.x.example>",
                "List-Unsubscribe: <https://x.example/u>",
                "Precedence: bulk",
                "X-Campaign: 1",
            ]
        case "calendar":
            fields += ["Content-Type: text/calendar; method=REQUEST", "Sender: Assistant <a@x.example>", "Return-Path: <>"]
        case "several":
            fields += [
                "Reply-To: r@x.example, s@x.example",
                "Cc: " + ", ".join(f"c{n}@z.example" for n in range(30)),
                "Bcc: ana@x.example",
            ]
        case "nameless":
            fields = [each for each in fields if not each.startswith("Message-ID")]
        case "dateless":
            fields = [each for each in fields if not each.startswith("Date")]
        case "junk":
            fields = ["\0\0\0"]
        case _:
            pass
    header = "\r\n".join([*fields, "", ""]).encode()
    flags = b"\\Draft" if kind == "flagged" else b"\\Seen"
    extra = b' X-GM-THRID 99 X-GM-LABELS ("\\\\Sent" Work)' if kind == "labelled" else b""
    begun = b'* %d FETCH (UID %d FLAGS (%b) INTERNALDATE "16-Nov-2026 10:00:01 +0000" RFC822.SIZE %d%b BODY[HEADER] {%d}\r\n'
    return begun % (uid, uid, flags, 1000 + uid, extra, len(header)) + header + b")\r\n"


def answer(kinds: Sequence[str], first: int = 1) -> bytes:
    return b"* 9 EXISTS\r\n" + b"".join(letter(uid, kind) for uid, kind in enumerate(kinds, first))


@contextmanager
def listening_or_not() -> Iterator[Beside]:
    """Start a second process."""
    with beside(Pickled()) as second:
        if second is None:
            pytest.skip("this machine has one core, or no memory to share")
        yield second


@contextmanager
def listening(packing: Pickled = Pickled()) -> Iterator[Beside]:  # noqa: B008 - frozen
    """Start a second process, and wait until it listens."""
    with beside(packing) as second:
        if second is None:
            pytest.skip("this machine has one core, or no memory to share")
        end = time.monotonic() + 60
        while not second.is_listening():
            assert time.monotonic() < end, "it never listened"
            time.sleep(0.01)
        yield second


def through(second: Beside | None, answers: Sequence[bytes]) -> Iterator[Read]:
    ahead = Ahead(READING, second)
    waiting = list(answers)
    while waiting or ahead:
        while waiting and ahead.has_room():
            ahead.put([1], waiting.pop(0))
        yield as_read(ahead.take()[1]())


@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(KINDS, max_size=12), max_size=12))
def test_it_says_what_is_read_here(answers: list[list[str]]) -> None:
    told = [answer(kinds, at * 20) for at, kinds in enumerate(answers)]
    with listening() as second:
        assert list(through(second, told)) == [READING.read(each) for each in told]


def test_memory_that_is_used_again_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_beside, "RING", 1 << 16)
    told = [answer(["plain", "list", *["several"] * 8], at * 1000) for at in range(200)]
    with listening() as second:
        assert list(through(second, told)) == [READING.read(each) for each in told]


def test_an_answer_larger_than_the_memory_is_read_here() -> None:
    told = [answer(["plain"] * 3), letter(5, "plain") * (imap_beside.RING // 300), answer(["list"])]
    with listening() as second:
        assert list(through(second, told)) == [READING.read(each) for each in told]


def test_where_the_second_process_dies_the_rest_is_read_here() -> None:
    told = [answer(["plain", "several"] * 100, at * 1000) for at in range(40)]
    with listening() as second:
        found = through(second, told)
        begun = [next(found) for _ in range(3)]
        os.kill(second._process.pid, signal.SIGKILL)  # noqa: SLF001 - a crash from outside
        assert [*begun, *found] == [READING.read(each) for each in told]


def killed(second: Beside) -> None:
    second._process.kill()  # noqa: SLF001 - a crash from outside
    second._process.wait()  # noqa: SLF001 - as above


def failing(_: Beside, patch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(errno.ENOSPC, "no memory is left")

    patch.setattr(os, "pwrite", full)


def short(_: Beside, patch: pytest.MonkeyPatch) -> None:
    write = os.pwrite
    patch.setattr(os, "pwrite", lambda file, what, at: write(file, what[:-7], at))


@pytest.mark.parametrize("befalls", [lambda second, _: killed(second), failing, short], ids=["killed", "no memory", "half written"])
def test_what_befalls_it_while_it_is_ahead_loses_and_doubles_nothing(
    befalls: Callable[[Beside, pytest.MonkeyPatch], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    told = [answer(["plain", "several"], at * 100) for at in range(9)]
    with listening() as second:
        ahead = Ahead(READING, second)
        for each in told[:4]:
            ahead.put([1], each)
        found = [as_read(ahead.take()[1]())]
        time.sleep(0.5)  # by then it has answered the others
        befalls(second, monkeypatch)
        waiting = told[4:]
        while waiting or ahead:
            while waiting and ahead.has_room():
                ahead.put([1], waiting.pop(0))
            found.append(as_read(ahead.take()[1]()))
        monkeypatch.undo()
    assert found == [READING.read(each) for each in told]


def test_what_cannot_be_packed_there_is_read_here_and_what_can_be_is_packed() -> None:
    told = [answer(["plain"] * 3, at) for at in (1, 11, 21)]
    with listening(Pickled(fails_on="Straße 12")) as second:
        ahead = Ahead(READING, second)
        for each in told:
            ahead.put([1], each)
        found = [ahead.take()[1]() for _ in told]
    assert [isinstance(each[0], Packed) for each in found] == [True, False, True]
    assert [as_read(each) for each in found] == [READING.read(each) for each in told]


def test_one_process_reads_several_folders_and_what_nobody_took_of_one_is_not_told_of_the_next() -> None:
    folders = [Reading(validity=number, role=role) for number, role in ((7, "\\Inbox"), (8, "\\Sent"))]
    told = [answer(["plain", "list"], at * 100) for at in range(6)]
    with listening() as second:
        for folder in folders:
            ahead = Ahead(folder, second)
            for each in told:
                ahead.put([1], each)
            assert [as_read(ahead.take()[1]()) for _ in told[:2]] == [folder.read(each) for each in told[:2]]
            ahead.forgotten()


def test_a_process_that_falls_silent_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_beside, "SILENCE", 0.2)
    monkeypatch.setattr(Beside, "_is_taken_back", lambda *_: False)  # it is waited for
    told = [answer(["plain"] * 5, at * 10) for at in range(5)]
    with listening() as second:
        os.kill(second._process.pid, signal.SIGSTOP)  # noqa: SLF001 - from outside
        assert list(through(second, told)) == [READING.read(each) for each in told]


@pytest.mark.parametrize("told", [2, 4, 5])
def test_a_process_that_is_stopped_in_the_middle_of_a_word_is_given_up(monkeypatch: pytest.MonkeyPatch, told: int) -> None:
    stops = f"""
import os, signal, sys
os.write(1, (5).to_bytes(4, "little") + b"ready")
sys.stdin.buffer.read(40)
os.write(1, ((9).to_bytes(4, "little") + b"words")[:{told}])
os.kill(os.getpid(), signal.SIGSTOP)
"""
    monkeypatch.setattr(imap_beside, "SILENCE", 0.5)
    monkeypatch.setattr(imap_beside, "SERVE", stops)
    monkeypatch.setattr(Beside, "_is_taken_back", lambda *_: False)  # it is listened to
    answers = [answer(["plain"] * 5, at * 10) for at in range(5)]
    with listening() as second:
        assert list(through(second, answers)) == [READING.read(each) for each in answers]


@pytest.mark.parametrize(
    "words", [b"garbage", b"", marshal.dumps(9), marshal.dumps(-9), marshal.dumps((1, 2)), marshal.dumps("abc")]
)
def test_a_process_that_tells_what_nobody_understands_is_given_up(monkeypatch: pytest.MonkeyPatch, words: bytes) -> None:
    babbles = f"""
import os, sys
hear = lambda: sys.stdin.buffer.read(int.from_bytes(sys.stdin.buffer.read(4), "little"))
hear()
os.write(1, (5).to_bytes(4, "little") + b"ready")
while hear(): os.write(1, len({words!r}).to_bytes(4, "little") + {words!r})
"""
    monkeypatch.setattr(imap_beside, "SERVE", babbles)
    monkeypatch.setattr(Beside, "_is_taken_back", lambda *_: False)  # it is listened to
    answers = [answer(["plain"] * 5, at * 10) for at in range(5)]
    with listening() as second:
        assert list(through(second, answers)) == [READING.read(each) for each in answers]
        assert not second.has_room()


@pytest.mark.parametrize("is_half_heard", [False, True])
def test_whoever_is_interrupted_while_they_wait_is_told_nothing_wrong_afterwards(
    monkeypatch: pytest.MonkeyPatch, *, is_half_heard: bool
) -> None:
    hear = Pipe.read

    def interrupted(pipe: Pipe, size: int) -> bytes:
        if is_half_heard:
            hear(pipe, size)
        raise KeyboardInterrupt

    monkeypatch.setattr(Beside, "_is_taken_back", lambda *_: False)  # it waits
    told = [answer(["plain"] * count, count * 100) for count in (3, 9, 27)]
    with listening() as second:
        ahead = Ahead(READING, second)
        for each in told:
            ahead.put([1], each)
        monkeypatch.setattr(Pipe, "read", interrupted)
        with pytest.raises(KeyboardInterrupt):
            ahead.take()[1]()
        assert not second.has_room()
        assert as_read(ahead.take()[1]()) == READING.read(told[1])
        assert len(ahead.forgotten()) == 1


def test_no_more_is_read_ahead_than_there_is_memory_for() -> None:
    large = letter(5, "plain") * (imap_beside.RING // 300)
    with listening() as second:
        ahead = Ahead(READING, second)
        ahead.put([1], large)
        assert not ahead.has_room()
        ahead.take()[1]()
        ahead.put([1], answer(["plain"]))
        assert ahead.has_room()


def test_answers_that_hold_nothing_are_not_read_ahead_without_end() -> None:
    with listening() as second:
        ahead = Ahead(READING, second)
        for _ in range(10 * MOST):
            if not ahead.has_room():
                break
            ahead.put([1], b"")
        assert len(ahead.forgotten()) == MOST


def test_a_process_with_many_open_files_has_one_too() -> None:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)
    if limit[1] < 4000:
        pytest.skip("this machine lets nobody open so many files")
    resource.setrlimit(resource.RLIMIT_NOFILE, (4000, limit[1]))
    held = [os.open(os.devnull, os.O_RDONLY) for _ in range(1100)]
    try:
        with listening() as second:
            assert second.has_room()
    finally:
        for each in held:
            os.close(each)
        resource.setrlimit(resource.RLIMIT_NOFILE, limit)


def test_a_process_that_never_starts_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_beside, "SERVE", "raise SystemExit(3)")
    told = [answer(["plain"] * 5, at * 10) for at in range(5)]
    with beside(Pickled()) as second:
        assert list(through(second, told)) == [READING.read(each) for each in told]


def test_what_it_has_not_begun_is_read_here_before_anybody_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(imap_beside, "SERVE", "import time; time.sleep(60)")
    told = [answer(["plain", "several"] * 5, at * 100) for at in range(9)]
    begun = time.monotonic()
    with listening_or_not() as second:
        found = list(through(second, told))
    assert time.monotonic() - begun < 50
    assert found == [READING.read(each) for each in told]


def test_what_is_taken_back_is_not_told_in_place_of_another() -> None:
    told = [answer(["plain", "several"] * 20, at * 100) for at in range(9)]
    with listening() as second:
        os.kill(second._process.pid, signal.SIGSTOP)  # noqa: SLF001 - from outside
        ahead = Ahead(READING, second)
        for each in told:
            ahead.put([1], each)
        found = [as_read(ahead.take()[1]()) for _ in range(4)]  # it has begun none of them
        os.kill(second._process.pid, signal.SIGCONT)  # noqa: SLF001 - from outside
        found += [as_read(ahead.take()[1]()) for _ in range(5)]
        assert found == [READING.read(each) for each in told]
        again = [answer(["list"] * 9, at * 100) for at in range(40)]
        assert list(through(second, again)) == [READING.read(each) for each in again]
        assert second.is_listening()


def test_what_cannot_be_packed_here_either_is_told_as_it_was_read() -> None:
    told = [answer(["plain"] * 3, at) for at in (1, 11, 21)]
    packing = Pickled(fails_on="Straße 12")
    ahead = Ahead(READING, None, packing)
    for each in told:
        ahead.put([1], each)
    found = [ahead.take()[1]() for _ in told]
    assert [isinstance(each[0], Packed) for each in found] == [True, False, True]
    assert [as_read(each) for each in found] == [READING.read(each) for each in told]


def test_an_answer_cut_short_is_said_to_be() -> None:
    with listening() as second:
        ahead = Ahead(READING, second)
        for each in (answer(["plain"] * 3)[:-100], answer(["list"])):
            ahead.put([1], each)
        with pytest.raises(EOFError):
            ahead.take()[1]()
        assert as_read(ahead.take()[1]()) == READING.read(answer(["list"]))


def test_while_one_answer_is_waited_for_those_after_it_are_read_here() -> None:
    told = [answer(["plain", "several"] * 20, at * 100) for at in range(9)]
    with listening() as second:
        process = second._process.pid  # noqa: SLF001 - from outside
        os.kill(process, signal.SIGSTOP)
        ahead = Ahead(READING, second, Pickled())
        for each in told:
            ahead.put([1], each)
        assert as_read(ahead.take()[1]()) == READING.read(told[0])
        os.kill(process, signal.SIGKILL)  # what was read here by now is not asked of it again
        assert [as_read(ahead.take()[1]()) for _ in told[1:]] == [READING.read(each) for each in told[1:]]


def test_an_answer_cut_short_that_is_read_before_its_turn_is_told_of_in_its_turn() -> None:
    told = [answer(["plain"] * 3), answer(["plain"] * 3)[:-100], answer(["list"])]
    with listening() as second:
        os.kill(second._process.pid, signal.SIGSTOP)  # noqa: SLF001 - from outside
        ahead = Ahead(READING, second)
        for each in told:
            ahead.put([1], each)
        assert as_read(ahead.take()[1]()) == READING.read(told[0])
        with pytest.raises(EOFError):
            ahead.take()[1]()
        assert as_read(ahead.take()[1]()) == READING.read(told[2])
