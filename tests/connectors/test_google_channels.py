"""Calendar's channels: new before old, both ids kept, stopped when replaced, believed by their word, and never more than a hint."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from connectors.google.channels import Registry, noticed
from connectors.optional import Told
from connectors.port import Rejected, Unavailable, Watcher
from tests.connectors.contract_world import NOON
from tests.connectors.google_world import GoogleWorld, google_world
from tests.simulators.google.calendars import Calendar
from tests.simulators.google.channels import Channel

SHORT = timedelta(seconds=0.05)
WATCH, STOP = "calendar.events.watch", "calendar.channels.stop"


@pytest.fixture
def world() -> Iterator[GoogleWorld]:
    with google_world() as found:
        yield found


def watcher(world: GoogleWorld, url: str = "http://127.0.0.1:9/hooks/google/calendar") -> Watcher:
    found = world.open(notification_url=url).watcher()
    assert found is not None
    return found


def untell(world: GoogleWorld, **said: str) -> None:
    found = world.open(**said)
    assert isinstance(found, Told)
    found.untell()


def living(world: GoogleWorld, calendar: str = "") -> list[Channel]:
    return world.diary.channels.living(calendar or world.email)


def kept(world: GoogleWorld) -> Registry:
    found = Registry.read(world.secrets)
    assert found is not None
    return found


def headers(world: GoogleWorld, **more: str) -> dict[str, str]:
    one = kept(world).channels[-1]
    said = {"Channel-ID": one.id, "Channel-Token": kept(world).token, "Resource-State": "exists", "Resource-ID": one.resource}
    return {f"X-Goog-{name}": value for name, value in {**said, **{name.replace("_", "-"): more[name] for name in more}}.items()}


def test_each_calendar_that_is_read_gets_a_channel_and_the_first_look_is_asked_for(world: GoogleWorld) -> None:
    world.diary.calendars["team"] = Calendar(id="team", summary="Team")
    world.diary.calendars["other"] = Calendar(id="other", summary="Other", is_selected=False)
    watching = watcher(world)
    assert watching.wait(SHORT), "what changed before the channels were open is told by nobody"
    assert not watching.wait(SHORT)
    assert [len(living(world, name)) for name in (world.email, "team", "other")] == [1, 1, 0]
    assert {(one.id, one.resource) for one in kept(world).channels} == {
        (one.id, one.resource) for one in world.diary.channels.open.values()
    }
    watching.close()


def test_a_channel_is_replaced_before_it_ends_the_new_one_first(world: GoogleWorld) -> None:
    watcher(world).wait(SHORT)
    (old,) = living(world)
    world.google.clock.turn(timedelta(days=3))
    assert watcher(world).wait(SHORT) is False
    assert living(world) == [old], "half of its life is left"
    world.google.clock.turn(timedelta(days=1))
    world.google.calls.clear()
    assert watcher(world).wait(SHORT) is False, "nothing went untold: the old one was open until the new one was"
    (new,) = living(world)
    assert new.id != old.id
    assert [one for one in world.google.calls if one in (WATCH, STOP)] == [WATCH, STOP]
    assert world.diary.channels.stopped == [old.id]


def test_channels_that_ended_while_nobody_watched_are_opened_anew_and_a_look_is_asked_for(world: GoogleWorld) -> None:
    watcher(world).wait(SHORT)
    world.google.clock.turn(timedelta(days=8))
    assert watcher(world).wait(SHORT)
    assert len(living(world)) == len(kept(world).channels) == 1


@pytest.mark.parametrize(
    ("method", "fault"), [(WATCH, "commit then drop"), (WATCH, "drop before"), (STOP, "drop before"), (STOP, "503")]
)
def test_a_crash_between_new_and_old_leaves_one_in_the_end_and_none_unknown_to_stop(
    world: GoogleWorld, method: str, fault: str
) -> None:
    watcher(world).wait(SHORT)
    world.google.clock.turn(timedelta(days=4))
    world.google.fail(fault, method)
    with pytest.raises(Unavailable):
        watcher(world).wait(SHORT)
    world.google.clock.turn(timedelta(seconds=1))
    watcher(world).wait(SHORT)
    assert len(kept(world).channels) == 1
    assert kept(world).channels[0].id in {one.id for one in living(world)}
    strays = {one.id for one in living(world)} - {kept(world).channels[0].id}
    assert len(strays) == (fault == "commit then drop"), "only one whose answer was lost lives on, until it ends by itself"
    for stray in strays:
        assert noticed(headers(world, Channel_ID=stray), world.secrets) == "stray"


def test_a_calendar_no_longer_read_is_no_longer_watched(world: GoogleWorld) -> None:
    world.diary.calendars["team"] = Calendar(id="team", summary="Team")
    watcher(world).wait(SHORT)
    world.diary.calendars["team"].is_selected = False
    watcher(world).wait(SHORT)
    assert living(world, "team") == []
    assert len(living(world)) == 1


def test_a_calendar_google_tells_nothing_of_keeps_no_other_from_being_told(world: GoogleWorld) -> None:
    world.diary.calendars["holidays"] = Calendar(id="holidays", summary="Holidays", is_silent=True)
    watching = watcher(world)
    assert watching.wait(SHORT)
    assert not watching.wait(SHORT)
    assert len(living(world)) == 1
    assert world.google.calls.count(WATCH) == 2


def test_an_address_google_does_not_take_is_said_so_and_the_sign_in_stays_in_order(world: GoogleWorld) -> None:
    with pytest.raises(Rejected) as raised:
        watcher(world, "http://rekindle.example/hooks/google/calendar").wait(SHORT)
    assert "notification_url" in raised.value.remedy
    assert kept(world).channels == ()


def test_looking_after_channels_costs_one_request_an_hour(world: GoogleWorld) -> None:
    (tended,) = watcher(world).tended  # type: ignore[attr-defined]  # ours
    now = datetime.now(UTC)
    tended.tend(lambda: now)
    world.google.requests.clear()
    for minutes in range(0, 240, 2):
        tended.tend(lambda minutes=minutes: now + timedelta(minutes=minutes))
    assert len(world.google.requests) == 3


@pytest.mark.parametrize(
    ("more", "worth"),
    [
        ({}, "look"),
        ({"Resource_State": "not_exists"}, "look"),
        ({"Resource_State": "sync"}, "begun"),
        ({"Channel_ID": "of-another"}, "stray"),
        ({"Channel_Token": "guessed"}, "not believed"),
        ({"Channel_Token": ""}, "not believed"),
        ({"Channel_Token": "ünicode"}, "not believed"),
    ],
)
def test_a_notice_is_worth_what_it_proves(world: GoogleWorld, more: dict[str, str], worth: str) -> None:
    watcher(world).wait(SHORT)
    assert noticed(headers(world, **more), world.secrets) == worth


def test_before_any_channel_nothing_is_believed(world: GoogleWorld) -> None:
    assert noticed({"X-Goog-Channel-Token": "", "X-Goog-Channel-ID": ""}, world.secrets) == "not believed"


def test_google_is_asked_to_tell_of_nothing_more_and_what_it_still_sends_is_stray(world: GoogleWorld) -> None:
    world.diary.calendars["team"] = Calendar(id="team", summary="Team")
    said = {"notification_url": "http://127.0.0.1:9/hooks/google/calendar", "pubsub_topic": "projects/p/topics/gmail"}
    watching = world.open(**said).watcher()
    assert watching is not None
    watching.wait(SHORT)
    late = headers(world)
    assert world.mail.watches
    untell(world, **said)
    assert (living(world), living(world, "team"), world.mail.watches, kept(world).channels) == ([], [], {}, ())
    assert noticed(late, world.secrets) == "stray"
    world.google.calls.clear()
    untell(world)
    assert world.google.calls == [], "nothing was asked for, nothing is ended"


@pytest.mark.parametrize("fault", ["drop before", "503"])
def test_a_channel_that_cannot_be_stopped_keeps_gmail_from_nothing_and_stays_known(world: GoogleWorld, fault: str) -> None:
    said = {"notification_url": "http://127.0.0.1:9/hooks/google/calendar", "pubsub_topic": "projects/p/topics/gmail"}
    watching = world.open(**said).watcher()
    assert watching is not None
    watching.wait(SHORT)
    world.google.fail(fault, "gmail.users.stop")
    with pytest.raises(Unavailable):
        untell(world, **said)
    assert living(world) == []
    watcher(world).wait(SHORT)
    world.google.fail(fault, STOP)
    with pytest.raises(Unavailable):
        untell(world, **said)
    assert world.mail.watches == {}
    assert len(kept(world).channels) == 1, "a second attempt can stop it"


def test_gmail_is_asked_anew_each_day_also_where_notifications_are_pushed(world: GoogleWorld) -> None:
    topic = "projects/p/topics/gmail"
    watching = world.open(pubsub_topic=topic, push_audience="https://rekindle.example/hooks/google").watcher()
    assert watching is not None
    assert not watching.wait(SHORT)
    until = world.mail.watches[topic]
    assert until > NOON
    now = datetime.now(UTC)
    for hours in range(0, 24 * 9, 6):
        world.google.clock.turn(timedelta(hours=6))
        for one in watching.tended:  # type: ignore[attr-defined]  # ours
            one.tend(lambda hours=hours: now + timedelta(hours=hours))
        assert world.mail.watches[topic] > world.google.clock() + timedelta(days=5), "renewed long before it ends"
    assert 8 <= sum(one.method == "gmail.users.watch" for one in world.google.ledger) <= 10
    watching.close()
    with pytest.raises(Rejected):
        world.open(push_audience="https://rekindle.example/hooks/google").watcher()
