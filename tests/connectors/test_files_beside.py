"""A reader in a process of its own tells just what would have been read here, and leaves nothing behind."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable
from itertools import zip_longest
from pathlib import Path
from tempfile import TemporaryDirectory
from types import SimpleNamespace
from typing import cast

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.files import beside, told
from connectors.files.glances import all_glances
from connectors.files.reading import Disk
from connectors.files.sources import Source, find
from connectors.glance import Glance
from connectors.port import Skipped

PEOPLE = tuple(f"Person {n} <p{n}@x.example>" for n in range(40))


EXTRAS = (
    "", f"Cc: {PEOPLE[3]}\nReply-To: {PEOPLE[5]}, {PEOPLE[6]}\nSender: {PEOPLE[7]}\nX-Campaign-Id: 7\n",
    "List-Id: Talk <talk.x.example>\nList-Unsubscribe: <https://x.example/u>\nPrecedence: list\n", "Message-ID: <two of it@x.example>\n",
    f"Bcc: {', '.join(PEOPLE)}\n", f"List-Id: {'Long ' * 300}<long.x.example>\n", "".join(f" <{n}@chain.example>\n" for n in range(90)),
)  # fmt: skip


def letter(number: int, *, extra: str = "") -> bytes:
    sender, to = PEOPLE[number % 40], ", ".join(PEOPLE[number % 7 : number % 7 + number % 4])
    zone = ("+0100", "-0000", "-0530")[number % 3]
    return (
        f"From x@x.example Mon Nov 16 10:00:00 2026\nFrom: {sender}\nTo: {to}\nDate: Mon, 16 Nov 2026 10:{number % 60:02}:00 {zone}\n"
        f"Subject: =?utf-8?q?Stra=C3=9Fe?= {number}\nMessage-ID: <{number}@x.example>\nIn-Reply-To: <{number - 1}@x.example>\n"
        f"References: <{number - 2}@x.example>\n <{number - 1}@x.example>\n{EXTRAS[number % len(EXTRAS)]}{extra}\nzirkonfalter\n\n"
    ).encode()


def laid_out(folder: Path, count: int) -> list[Source]:
    """Write mail of every kind of source, some of it unreadable."""
    (folder / "all.mbox").write_bytes(b"".join(letter(n) for n in range(count)))
    (folder / "Sent.mbox").write_bytes(b"".join(letter(n, extra="X-Gmail-Labels: Gesendet\n") for n in range(count, count + 9)))
    (folder / "junk.mbox").write_bytes(b"From x\n\n\0\0\n\n" + letter(3))
    (folder / "letters").mkdir()
    (folder / "letters" / "one.eml").write_bytes(letter(5000).partition(b"\n")[2])
    os.utime(folder / "letters" / "one.eml", (1_700_000_000.123456, 1_700_000_000.123456))
    found = find([folder, folder / "nowhere"])
    return [each for each in found if isinstance(each, Source)]


def values(found: Iterable[Glance | Skipped]) -> list[object]:
    """Messages in what they tell, and which of them share an envelope or a route."""
    seen: dict[object, int] = {}
    told: list[object] = []
    for each in found:
        if isinstance(each, Skipped):
            told.append(each)
            continue
        envelope, route = each.envelope, each.route
        shared = [seen.setdefault(one, len(seen)) for one in (envelope, route)]
        texts = (*each[2:8], each.references())
        told.append((shared, envelope.facts, envelope.is_shared, route.to, route.cc, route.bcc, route.recipients, texts))
    return told


Started = Callable[[list[Source]], beside.Beside]


@pytest.fixture
def started() -> Iterable[Started]:
    """Start readers that are stopped in the end."""
    all_of_them: list[beside.Beside] = []

    def start(sources: list[Source]) -> beside.Beside:
        reader = beside.begin(sources)
        if reader is None:
            pytest.skip("this machine has one core")
        all_of_them.append(reader)
        return reader

    yield start
    for reader in all_of_them:
        reader.close()


def test_it_tells_what_is_read_here(tmp_path: Path, started: Started) -> None:
    sources = laid_out(tmp_path, 700)
    there, here = Disk(), Disk()
    assert values(started(sources).messages(there)) == values(all_glances(sources, here))
    assert there.done == here.done


def test_where_the_reader_is_stopped_the_rest_is_read_here(tmp_path: Path, started: Started) -> None:
    sources = laid_out(tmp_path, 12_000)
    reader = started(sources)
    messages = reader.messages(Disk())
    begun = [next(messages) for _ in range(10)]
    os.kill(reader._process.pid, signal.SIGKILL)  # noqa: SLF001 - a crash from outside
    ids = [each.message_id for each in (*begun, *messages) if isinstance(each, Glance)]
    assert ids == [each.message_id for each in all_glances(sources, Disk()) if isinstance(each, Glance)]


def test_a_reader_that_never_starts_changes_nothing(tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "SERVE", "raise SystemExit(3)")
    sources = laid_out(tmp_path, 20)
    assert values(started(sources).messages(Disk())) == values(all_glances(sources, Disk()))


STOPS = """
import io, os, pickle, signal, sys
sys.path[:] = sys.argv[1:]
from connectors.files.told import tell
tell(pickle.load(sys.stdin.buffer), whole := io.BytesIO())
os.write(1, whole.getvalue()[:{told}])
os.kill(os.getpid(), signal.SIGSTOP)
"""


@pytest.mark.parametrize("told", [0, 2, 4, 90_000])
def test_where_the_reader_falls_silent_the_rest_is_read_here(
    tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch, told: int
) -> None:
    monkeypatch.setattr(beside, "SILENCE", 5.0)
    monkeypatch.setattr(beside, "SERVE", STOPS.format(told=told))
    sources = laid_out(tmp_path, 1200)
    there, here = Disk(), Disk()
    assert names(started(sources).messages(there)) == names(all_glances(sources, here))
    assert there.done == here.done


def test_closed_early_it_is_gone(tmp_path: Path, started: Started) -> None:
    reader = started(laid_out(tmp_path, 12_000))
    next(reader.messages(Disk()))
    reader.close()
    reader.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(reader._process.pid, os.WNOHANG)  # noqa: SLF001 - waited for already


@pytest.mark.parametrize("ahead", [0, 1 << 20])
def test_a_listener_that_comes_late_misses_nothing(ahead: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "AHEAD", ahead)
    ours, theirs = os.pipe()
    out = beside._Patient(theirs)  # noqa: SLF001 - what the reader writes to
    portions = [bytes([number]) * 50_000 for number in range(12)]  # a pipe holds one of them
    heard: list[bytes] = []

    def listen() -> None:
        with os.fdopen(ours, "rb") as stream:
            heard.append(stream.read())

    listener = threading.Thread(target=listen)
    if not ahead:
        listener.start()  # else each portion waits for it
    for portion in portions:
        out.write(portion)
    if ahead:
        listener.start()
    out.flush()
    os.close(theirs)
    listener.join(60)
    assert heard == [b"".join(portions)]


def test_what_is_kept_back_for_a_slow_listener_has_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(beside, "AHEAD", 1 << 17)
    ours, theirs = os.pipe()
    out = beside._Patient(theirs)  # noqa: SLF001 - what the reader writes to
    portion, kept, is_stuck = bytes(50_000), [0], threading.Event()

    def write() -> None:
        for _ in range(60):
            out.write(portion)
            kept.append(out._size)  # noqa: SLF001 - memory, that is
        out.flush()
        os.close(theirs)

    writer = threading.Thread(target=write, daemon=True)
    writer.start()
    while len(kept) < 60 and not is_stuck.is_set():  # until it waits, or never does
        before = len(kept)
        is_stuck.wait(0.2)
        if len(kept) == before:
            is_stuck.set()
    with os.fdopen(ours, "rb") as stream:
        assert len(stream.read()) == 60 * len(portion)
    writer.join(60)
    assert not writer.is_alive()
    assert 0 < max(kept) <= 1 << 17


def test_two_readers_at_once_tell_each_their_own(tmp_path: Path, started: Started) -> None:
    folders = [tmp_path / name for name in ("one", "other")]
    for folder, count in zip(folders, (600, 900), strict=True):
        folder.mkdir()
        (folder / "all.mbox").write_bytes(b"".join(letter(n, extra=f"X-Mailer: {folder.name}\n") for n in range(count % 7, count)))
    sources = [[each for each in find([folder]) if isinstance(each, Source)] for folder in folders]
    both = zip_longest(*(started(each).messages(Disk()) for each in sources))
    one, other = (([each for each in found if each is not None]) for found in zip(*both, strict=True))
    assert [values(one), values(other)] == [values(all_glances(each, Disk())) for each in sources]


def cut(sources: list[Source], share: float) -> tuple[bytes, int]:
    """What a reader tells up to some place, and how many whole portions that are."""
    out = io.BytesIO()
    told.tell(sources, out)
    whole = out.getvalue()
    kept = whole[: round(len(whole) * share)]
    return kept, len(list(told.told(io.BytesIO(kept))))


@pytest.mark.parametrize("share", [0.0, 0.0001, 0.3, 0.55, 0.99999, 1.0])
def test_a_portion_that_is_cut_is_read_here(tmp_path: Path, share: float) -> None:
    sources = laid_out(tmp_path, 1200)
    stream, portions = cut(sources, share)
    (tmp_path / "told").write_bytes(stream)
    there, here = Disk(), Disk()
    with (tmp_path / "told").open("rb") as out:
        stopped = cast("subprocess.Popen[bytes]", SimpleNamespace(stdout=out))
        found = list(beside.Beside(stopped, sources).messages(there))
    assert names(found) == names(all_glances(sources, here))
    assert there.done == here.done
    assert (portions == 0, portions < 5) == (share < 0.1, share < 1)


def names(found: Iterable[Glance | Skipped]) -> list[str]:
    return [f"skipped {each.remote_id}" if isinstance(each, Skipped) else each.message_id for each in found]


def test_ctrl_c_is_for_the_one_who_listens(tmp_path: Path, started: Started) -> None:
    sources = laid_out(tmp_path, 12_000)
    reader = started(sources)
    messages = reader.messages(Disk())
    begun = next(messages)
    os.kill(reader._process.pid, signal.SIGINT)  # noqa: SLF001 - as a terminal does to all of a group
    assert len([begun, *messages]) == len(list(all_glances(sources, Disk())))
    assert reader._process.wait(60) == 0  # noqa: SLF001 - it told all of them itself


def test_with_one_core_all_is_read_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0}, raising=False)
    assert beside.begin([]) is None


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 60), st.integers(1, 7), st.integers(0, 90))
def test_numbers_that_begin_anew_name_the_same(known: int, portion: int, count: int) -> None:
    def plain(found: Iterable[Glance | Skipped]) -> list[object]:
        return [each if isinstance(each, Skipped) else (each.message_id, each.envelope.facts, each.route.to) for each in found]

    with TemporaryDirectory() as folder, pytest.MonkeyPatch.context() as patch:
        patch.setattr(told, "KNOWN", known)
        patch.setattr(told, "PORTION", portion)
        sources = laid_out(Path(folder), count)
        out = io.BytesIO()
        told.tell(sources, out)
        out.seek(0)
        found = [each for _, _, rows in told.told(out) for each in rows]
        assert plain(found) == plain(all_glances(sources, Disk()))
