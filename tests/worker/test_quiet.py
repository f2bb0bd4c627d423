"""Who is silent: the best of a whole network though it is read a slice at a time, and the reason in a sentence."""

from __future__ import annotations

import re

import pytest

from rules.facts import Address, MessageMetadata
from tests.worker.world import DAY, ME, NOW, OWNER, World, mail, meeting
from worker import network_views, quiet
from worker.json_choices import QuietListsView
from worker.store.store import Store


@pytest.fixture
def world(sqlite_store: Store) -> World:
    return World(given=sqlite_store)


def friend(name: str) -> Address:
    return Address(email=f"{name}@friends.example", name=f"{name.title()} Friend")


def letters(who: Address, *days: int) -> list[MessageMetadata]:
    """One of theirs that answers one of the owner's, on each of the days ago."""
    found = []
    for day in days:
        asked = mail(f"{who.email} {day} out", ME, who, at=NOW - (day + 1) * DAY)
        answer = mail(f"{who.email} {day} in", who, ME, at=NOW - day * DAY, in_reply_to=(asked.message_id,))
        found += [asked, answer]
    return found


def filled(world: World) -> None:
    for number in range(7):
        world.receive(*letters(friend(f"{'abcdefg'[number] * 3}"), *range(110 + number, 400, 20 + number)))
    world.receive(*letters(friend("lately"), 70, 100, 140, 200), *letters(friend("steady"), *range(2, 300, 10)))
    world.receive(*letters(friend("once"), *range(200, 1200, 20)))
    world.book(*(meeting(f"talk {day}", NOW - day * DAY, friend("once")) for day in (210, 250)))
    world.pull_all()
    world.catch_up()


def shown(world: World, longest: int) -> QuietListsView:
    with world.store.read() as connection:
        return quiet.lists(connection, OWNER, NOW, longest=longest)


def test_a_network_read_in_slices_has_the_lists_of_one_read_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    filled(world)
    for longest in (2, 3, 10):
        monkeypatch.setattr(network_views, "SLICE", 500)
        whole = shown(world, longest)
        assert len(whole.lapsed) == min(longest, 7)
        for size in (1, 2, 3):
            monkeypatch.setattr(network_views, "SLICE", size)
            assert shown(world, longest) == whole


def test_each_list_says_its_own_reason(world: World) -> None:
    filled(world)
    found = shown(world, 10)
    [recent] = found.about_to_lapse
    assert recent.person.name == "Lately Friend"
    assert re.fullmatch(
        r"Silent for 2 months where every 6 weeks is usual, and likely to stay so: 4 days in touch since .+\.", recent.reason
    )
    [strong] = found.formerly_strong
    assert strong.person.name == "Once Friend"
    assert re.fullmatch(
        r"Silent for 7 months where every 3 weeks is usual, after a strong tie: \d+ days in touch since .+, 2 one-to-ones held\.",
        strong.reason,
    )
    assert all(re.fullmatch(r"Silent for \d months where every \S+ weeks is usual: .+", each.reason) for each in found.lapsed)
