"""Being told of events at Microsoft: a consent of its own, whose sign-in subscribes and does nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from connectors import microsoft
from connectors.microsoft import push
from connectors.microsoft.push import Registered, Subscriber
from connectors.port import AuthorizationExpired, Rejected
from tests.connectors.test_microsoft_push import NOTHING, Reachable


@pytest.fixture
def reachable(tmp_path: Path) -> Iterator[Reachable]:
    found = Reachable(tmp_path)
    yield found
    found.server.stop()
    found.world.close()
    assert found.world.graph.violations == []


def listening(reachable: Reachable) -> Subscriber:
    reachable.world.settings["listener_client_id"] = "listener-app"
    if "listener" not in reachable.world.secrets.words:
        reachable.world.sign_in("listener")
    return reachable.watcher()


def resources(reachable: Reachable) -> dict[str, str]:
    return {str(one["resource"]): str(one["applicationId"]) for one in reachable.held}


def test_without_that_consent_nothing_is_subscribed_to_but_mail(reachable: Reachable) -> None:
    reachable.watcher().wait(NOTHING)
    assert resources(reachable) == {"me/messages": "reader-app"}
    assert reachable.world.graph.subscriptions.tell("ada@example.org", of="events") == []


def test_with_it_events_are_told_of_too_each_by_its_own_sign_in(reachable: Reachable) -> None:
    assert listening(reachable).wait(NOTHING)
    assert not listening(reachable).wait(NOTHING)
    assert resources(reachable) == {"me/messages": "reader-app", "me/events": "listener-app"}
    assert reachable.world.graph.subscriptions.tell("ada@example.org", of="events") == [202]
    assert reachable.heard.nudges == [("pull", "ada/work")]


def test_the_listeners_sign_in_subscribes_and_does_nothing_else(reachable: Reachable) -> None:
    listening(reachable).wait(NOTHING)
    graph = microsoft.graph_of(reachable.world.account(), "listener")
    for path in ("me", "me/calendars", "me/events", "$batch"):
        with pytest.raises(Rejected, match="subscriptions alone"):
            graph.get(path, "a test")
    used = {grant.app for grant in reachable.world.graph.grants.values() if grant.can("Calendars.Read")}
    assert used == {"listener-app"}


def test_a_listener_that_can_do_more_is_refused_at_every_start(reachable: Reachable) -> None:
    listening(reachable)
    reachable.world.identity.added = {"Mail.Read"}
    with pytest.raises(Rejected, match=r"can do more than it needs: Mail\.Read"):
        reachable.world.sign_in("listener")
    kept = reachable.world.secrets.words["listener"]
    reachable.world.secrets.words["listener"] = kept.replace("Calendars.Read", "Calendars.ReadWrite")
    with pytest.raises(Rejected, match=r"Calendars\.ReadWrite"):
        reachable.world.open()


def test_a_listener_nobody_agreed_to_asks_for_consent(reachable: Reachable) -> None:
    reachable.world.settings["listener_client_id"] = "listener-app"
    with pytest.raises(AuthorizationExpired, match="no listener sign-in"):
        reachable.world.open()


def test_a_listener_of_somebody_elses_calendar_is_noticed_without_asking_graph(reachable: Reachable) -> None:
    account = reachable.world.account()
    listening(reachable)
    assert microsoft.whose(account, "listener") == microsoft.whose(account, "reader") == "ada@example.org"
    reachable.world.identity.user = "eve@example.org"
    reachable.world.sign_in("listener")
    assert microsoft.whose(account, "listener") == "somebody else"


def test_the_word_of_one_subscription_mends_the_other_in_nothing(reachable: Reachable) -> None:
    listening(reachable).wait(NOTHING)
    id_ = next(str(one["id"]) for one in reachable.held if one["resource"] == "me/events")
    mail = Registered.read(reachable.world.secrets)
    assert reachable.world.graph.subscriptions.lifecycle(id_, "subscriptionRemoved") == 202
    assert Registered.read(reachable.world.secrets) == mail
    gone = Registered.read(reachable.world.secrets, push.EVENTS)
    assert gone is not None
    assert not gone.id
    assert listening(reachable).wait(NOTHING)
    assert resources(reachable) == {"me/messages": "reader-app", "me/events": "listener-app"}
