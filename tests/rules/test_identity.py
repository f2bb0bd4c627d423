"""Which addresses are one human: golden pairs, and promises for any order, split and merge."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from rules.identity import (
    MOST_ADDRESSES,
    AddressProfile,
    Company,
    Grouping,
    Link,
    beside,
    block_keys,
    company,
    compare,
    group,
    identify,
    in_company,
    undecided,
)

FRIENDS = frozenset({"cy@x.example", "dy@x.example", "ed@x.example"})


def known(key: str, *names: str, friends: Iterable[str] = ()) -> AddressProfile:
    return AddressProfile(key=key, names=dict.fromkeys(names, 5), correspondents=frozenset(friends))


def said(a: str, b: str, verdict: str) -> Link:
    first, second = sorted((a, b))
    return Link(a=first, b=second, verdict=verdict, by="owner")  # type: ignore[arg-type] # one of the three words


def groups(grouping: Grouping) -> set[tuple[str, ...]]:
    return {identity.keys for identity in grouping.identities}


def verdict(one: AddressProfile, other: AddressProfile) -> str:
    found = identify([one, other])
    if len(found.identities) == 1:
        return "same"
    return "unsure" if found.unsure else "apart"


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (known("anna@a.example", "Anna Berg", friends=FRIENDS), known("berg@b.example", "Anna Berg", friends=FRIENDS), "same"),
        (known("anna@a.example", "Anna Berg", friends=FRIENDS), known("b@b.example", "Berg, Anna (EXT)", friends=FRIENDS), "same"),
        (known("anna@a.example", "Anna Müller", friends=FRIENDS), known("b@b.example", "ANNA MUELLER", friends=FRIENDS), "same"),
        (known("anna@a.example", "Anna Berg", friends=FRIENDS), known("b@b.example", "Dr. Anna Q. Berg", friends=FRIENDS), "same"),
        (known("anna@a.example", "Anna Berg"), known("anna@b.example", "Anna Berg"), "same"),
        (known("anna.berg@mail.acme.example", "Anna Berg"), known("aberg@acme.example", "Anna Berg"), "same"),
        (known("anna@a.example", "Anna Berg"), known("berg@b.example", "Anna Berg"), "unsure"),
        (
            known("anna@a.example", "Anna Berg", friends=["cy@x.example"]),
            known("b@b.example", "Anna Berg", friends=FRIENDS),
            "unsure",
        ),
        (
            known("anna@a.example", "Anna Berg", friends=["cy@x.example", "dy@x.example"]),
            known("b@b.example", "Anna Berg", friends=FRIENDS),
            "same",
        ),
        (known("a.berg@gmail.com", "Anna Berg"), known("annaberg@gmail.com", "Anna Berg"), "unsure"),
        (known("anna.berg@acme.example", "Anna Berg"), known("anna.berg2@acme.example", "Anna Berg"), "unsure"),
        (
            known("anna@a.example", "Anna Berg", friends=FRIENDS),
            known("anna@b.example", "Anna Berg Jr.", friends=FRIENDS),
            "unsure",
        ),
        (known("j@a.example", "John A. Smith", friends=FRIENDS), known("j@b.example", "John B. Smith", friends=FRIENDS), "unsure"),
        (known("anna.berg@a.example"), known("berg@b.example", "Anna Berg", friends=FRIENDS), "unsure"),
        (known("anna.berg@acme.example", "Anna Berg"), known("ben.berg@acme.example", "Ben Berg"), "apart"),
        (known("a.berg@acme.example", "A. Berg"), known("anna.berg@acme.example", "Anna Berg"), "apart"),
        (
            known("anna@a.example", "Anna Jarvis-Lund", friends=FRIENDS),
            known("b@b.example", "Anna Lund-Jarvis", friends=FRIENDS),
            "apart",
        ),
        (known("anna@a.example", "Anna"), known("anna@b.example", "Anna"), "apart"),
        (known("hans.sen@berg.example", "Hans Berg"), known("hans.jun@berg.example", "Hans Berg"), "unsure"),
        (known("hans@berg.example", "Hans Berg (jun.)"), known("hb@berg.example", "Hans Berg"), "unsure"),
        (known("anna@berg.example", "Anna Berg (II. Stock)"), known("ab@berg.example", "Anna Berg"), "same"),
        (known("anna.c.berg@a.example", "Anna Berg"), known("anna.d.berg@a.example", "Anna Berg"), "unsure"),
        (known("anna.c.berg@a.example", "Anna C. Berg"), known("a.berg@a.example", "Anna Berg"), "same"),
        (known("anna.berg@gmx.de", "Anna Berg"), known("anna.berg@a.example", "Anna Berg"), "unsure"),
        (known("annaberg@gmail.com", "Anna Berg"), known("annaberg@a.example", "Anna Berg"), "unsure"),
        (
            known("anna.berg@gmx.de", "Anna Berg", friends=FRIENDS),
            known("anna.berg@a.example", "Anna Berg", friends=FRIENDS),
            "same",
        ),
        (known("annie83@gmail.com", "Anna Berg"), known("annie83@a.example", "Anna Berg"), "same"),
        (known("info@a.example"), known("info@b.example"), "apart"),
        (known("sales.team@a.example"), known("sales.team@b.example"), "apart"),
        (known("anna@a.example", "Support Team", friends=FRIENDS), known("b@b.example", "Support Team", friends=FRIENDS), "apart"),
    ],
)
def test_two_addresses_are_one_human_only_for_two_reasons(one: AddressProfile, other: AddressProfile, expected: str) -> None:
    assert verdict(one, other) == expected
    assert verdict(other, one) == expected


def test_every_link_gives_its_reason() -> None:
    found = identify(
        [
            known("anna@a.example", "Anna Berg", friends=FRIENDS),
            known("berg@b.example", "Anna Berg", friends=FRIENDS),
            known("berg@d.example", "Anna Berg"),
            known("ab@c.example", "Anna Berg"),
        ]
    )
    assert groups(found) == {("anna@a.example", "berg@b.example", "berg@d.example"), ("ab@c.example",)}
    assert {link.reason for identity in found.identities for link in identity.links} == {
        "the same full name and 3 correspondents in common",
        "the same full name and the same name before the @",
    }
    assert {link.reason for link in found.unsure} == {"the same full name, but nothing else in common"}


def test_a_name_on_many_addresses_is_common_and_joins_nobody() -> None:
    crowd = [known(f"john@n{number}.example", "John Smith", friends=FRIENDS) for number in range(MOST_ADDRESSES + 1)]
    found = identify(crowd)
    assert len(found.identities) == len(crowd)
    assert 0 < len(found.unsure) < len(crowd)
    assert len(identify(crowd[:-1]).identities) == 1


def test_a_name_seen_now_and_then_does_not_speak_for_an_address() -> None:
    mixed = AddressProfile(key="ben@a.example", names={"Ben Cole": 20, "Anna Berg": 1}, correspondents=FRIENDS)
    assert block_keys(mixed) == {"ben cole"}
    assert verdict(mixed, known("anna@b.example", "Anna Berg", friends=FRIENDS)) == "apart"


def test_the_owner_joins_what_no_rule_would_and_parts_what_rules_join() -> None:
    one, other = known("anna@a.example", "Anna Berg"), known("nora@b.example", "Nora Dahl")
    assert groups(identify([one, other], [said("anna@a.example", "nora@b.example", "same")])) == {
        ("anna@a.example", "nora@b.example")
    }
    twins = [known("anna@a.example", "Anna Berg"), known("anna@b.example", "Anna Berg")]
    parted = identify(twins, [said("anna@a.example", "anna@b.example", "different")])
    assert len(parted.identities) == 2
    assert parted.unsure == ()


def test_what_the_owner_parted_is_not_joined_through_a_third_address() -> None:
    three = [known(f"anna@{letter}.example", "Anna Berg", friends=FRIENDS) for letter in "abc"]
    found = identify(three, [said("anna@a.example", "anna@c.example", "different")])
    together = {key: identity.keys for identity in found.identities for key in identity.keys}
    assert together["anna@a.example"] != together["anna@c.example"]
    assert len(found.identities) == 2
    told = [said("anna@a.example", "anna@b.example", "same"), said("anna@b.example", "anna@c.example", "same")]
    assert len(identify(three, [*told, said("anna@a.example", "anna@c.example", "different")]).identities) == 2


def test_two_who_differ_in_their_initials_are_not_joined_through_a_third_address() -> None:
    three = [
        known("j@a.example", "John A. Smith", friends=FRIENDS),
        known("j@b.example", "John B. Smith", friends=FRIENDS),
        known("j@c.example", "John Smith", friends=FRIENDS),
    ]
    found = identify(three)
    assert groups(found) == {("j@a.example", "j@c.example"), ("j@b.example",)}
    assert {(link.a, link.b, link.verdict) for link in found.unsure} == {
        ("j@a.example", "j@b.example", "unsure"),
    }


def test_a_link_to_an_address_that_is_not_asked_about_is_left_alone() -> None:
    found = identify([known("anna@a.example", "Anna Berg")], [said("anna@a.example", "gone@b.example", "same")])
    assert groups(found) == {("anna@a.example",)}
    assert identify([]).identities == ()


def test_links_made_by_rule_bind_nobody() -> None:
    twins = [known("anna@a.example", "Anna Berg"), known("berg@b.example", "Anna Berg")]
    old = Link(a="anna@a.example", b="berg@b.example", verdict="same", by="rule")
    assert len(identify(twins, [old]).identities) == 2


NAMES = st.sampled_from(["Anna Berg", "Berg, Anna", "Ben Berg", "Anna", "Team", "Anna B. Berg", "Anna C. Berg", "Ben Berg Jr.", ""])
PROFILES = st.lists(
    st.builds(
        lambda local, domain, names, friends: AddressProfile(
            key=f"{local}@{domain}.example", names=dict.fromkeys(names, 3), correspondents=frozenset(friends)
        ),
        st.sampled_from(["anna", "berg", "anna.berg", "ben", "anna.berg2"]),
        st.sampled_from(["a", "b", "c"]),
        st.lists(NAMES, max_size=2, unique=True),
        st.sets(st.sampled_from(["x@x.example", "y@x.example", "z@x.example"])),
    ),
    max_size=7,
    unique_by=lambda profile: profile.key,
)


@st.composite
def told(draw: st.DrawFn) -> tuple[list[AddressProfile], list[Link]]:
    profiles = draw(PROFILES)
    pairs = list(itertools.combinations(sorted(profile.key for profile in profiles), 2))
    chosen = draw(st.lists(st.sampled_from(pairs), max_size=4, unique=True)) if pairs else []
    return profiles, [said(a, b, draw(st.sampled_from(["same", "different"]))) for a, b in chosen]


@settings(max_examples=150, deadline=None)
@given(told(), st.randoms())
def test_order_replay_and_duplicates_make_no_difference(case: tuple[list[AddressProfile], list[Link]], chance: object) -> None:
    profiles, links = case
    found = identify(profiles, links)
    shuffled, again = [*profiles, *profiles], [*links, *links]
    chance.shuffle(shuffled)  # type: ignore[attr-defined] # Hypothesis hands over a random.Random
    chance.shuffle(again)  # type: ignore[attr-defined] # as above
    assert identify(shuffled, again) == found


@settings(max_examples=150, deadline=None)
@given(told())
def test_everybody_is_in_one_group_and_what_the_owner_parted_is_never_in_the_same(
    case: tuple[list[AddressProfile], list[Link]],
) -> None:
    profiles, links = case
    found = identify(profiles, links)
    keys = [key for identity in found.identities for key in identity.keys]
    assert sorted(keys) == sorted(profile.key for profile in profiles)
    together = {key: identity.keys for identity in found.identities for key in identity.keys}
    for link in links:
        if link.verdict == "different":
            assert link.b not in together[link.a]
    for link in found.unsure:
        assert link.b not in together[link.a]
        assert link.a < link.b


@settings(max_examples=150, deadline=None)
@given(told(), st.data())
def test_merging_and_then_splitting_brings_back_what_was(
    case: tuple[list[AddressProfile], list[Link]], data: st.DataObject
) -> None:
    profiles, _ = case
    before = identify(profiles)
    apart = [(a, b) for a, b in itertools.combinations(sorted(p.key for p in profiles), 2) if (a, b) not in _pairs(before)]
    if not apart:
        return
    a, b = data.draw(st.sampled_from(apart))
    merged = identify(profiles, [said(a, b, "same")])
    assert (a, b) in _pairs(merged)
    split = identify(profiles, [said(a, b, "different")])
    assert (a, b) not in _pairs(split)
    assert groups(identify(profiles, [])) == groups(before)
    blocks = {profile.key: block_keys(profile) for profile in profiles}
    if blocks[a].isdisjoint(blocks[b]):
        assert groups(split) == groups(before)


def _pairs(grouping: Grouping) -> set[tuple[str, str]]:
    return {pair for identity in grouping.identities for pair in itertools.combinations(identity.keys, 2)}


@settings(max_examples=150, deadline=None)
@given(PROFILES)
def test_addresses_without_a_block_in_common_are_never_linked(profiles: list[AddressProfile]) -> None:
    found = identify(profiles)
    blocks = {profile.key: block_keys(profile) for profile in profiles}
    for link in [*found.unsure, *(link for identity in found.identities for link in identity.links)]:
        assert not blocks[link.a].isdisjoint(blocks[link.b])


@settings(max_examples=150, deadline=None)
@given(PROFILES)
def test_asking_only_about_relatives_gives_what_asking_about_everybody_gives(profiles: list[AddressProfile]) -> None:
    whole = groups(identify(profiles))
    for profile in profiles:
        near = {profile.key}
        while True:
            blocks = {block for other in profiles if other.key in near for block in block_keys(other)}
            wider = {other.key for other in profiles if not blocks.isdisjoint(block_keys(other))} | near
            if wider == near:
                break
            near = wider
        part = groups(identify([other for other in profiles if other.key in near]))
        assert part <= whole


Case = tuple[list[AddressProfile], list[Link]]


def asked_late(case: Case) -> tuple[Grouping, frozenset[str]]:
    """Group without knowing who is beside anybody, then ask about those that are undecided."""
    profiles, links = case
    keys = {profile.key for profile in profiles}
    compared = compare(replace(profile, correspondents=frozenset()) for profile in profiles)
    open_keys = undecided(keys, compared, links)
    near = {profile.key: profile.correspondents for profile in profiles if profile.key in open_keys}
    return group(keys, in_company(compared, near), links), open_keys


@settings(max_examples=150, deadline=None)
@given(told())
def test_who_is_beside_an_address_is_asked_of_the_undecided_alone(case: Case) -> None:
    profiles, links = case
    found, open_keys = asked_late(case)
    told_some = [each if each.key in open_keys else replace(each, correspondents=frozenset()) for each in profiles]
    assert found == identify(told_some, links)


@settings(max_examples=150, deadline=None)
@given(told())
def test_where_nobody_is_told_apart_asking_late_groups_as_knowing_it_of_all_at_once(case: Case) -> None:
    profiles, links = case
    assume(all(link.verdict != "different" for link in [*compare(profiles), *links]))
    assert groups(asked_late(case)[0]) == groups(identify(profiles, links))


def test_addresses_something_else_decides_are_not_asked_about() -> None:
    alike = [known("anna@a.example", "Anna Berg"), known("anna@b.example", "Anna Berg"), known("cy@x.example", "Cy Dahl")]
    doubtful = [known("j@a.example", "John A. Smith"), known("js@b.example", "John B. Smith")]
    apart = [known("eva@a.example", "Eva Lund"), known("lund@b.example", "Eva Lund")]
    open_pair = [known("nils@a.example", "Nils Vik"), known("vik@b.example", "Nils Vik")]
    profiles = [*alike, *doubtful, *apart, *open_pair]
    told_apart = [said(apart[0].key, apart[1].key, "different")]
    assert undecided([each.key for each in profiles], compare(profiles), told_apart) == {"nils@a.example", "vik@b.example"}


def on(*written: str) -> Company:
    return company(["Anna@a.example", *written], {"me@own.example"})


def test_everybody_a_message_names_is_beside_its_author_but_the_owner_and_a_crowd() -> None:
    mails = [on("me@own.example", "cy@x.example", "Dy@x.example"), on("CY@x.example", "cy@x.example", "no address")]
    assert beside("anna@a.example", [*mails, on(*(f"p{n}@x.example" for n in range(60)))]) == {"cy@x.example", "dy@x.example"}


def test_fifty_others_are_a_crowd_whether_the_message_names_the_address_itself_or_not() -> None:
    others = [f"p{n}@x.example" for n in range(50)]
    for itself in ([], ["anna@a.example"]):
        assert beside("anna@a.example", [company([*itself, *others], ())]) == frozenset()
        assert beside("anna@a.example", [company([*itself, *others[1:]], ())]) == set(others[1:])


def test_of_many_who_are_beside_an_address_the_most_frequent_are_compared_and_of_those_the_first_by_name() -> None:
    often, seldom = ([f"{part}{n:02}@x.example" for n in range(40)] for part in "ba")
    assert beside("anna@a.example", [on(*seldom), on(*often), on(*often)]) == {*often, *seldom[:10]}
