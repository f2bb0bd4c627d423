"""Address fields as they are found: whoever is named is found once, and nobody who is not."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.address_list import KEPT, parse_addresses
from connectors.compose import compose
from connectors.mime import parse_header
from rules.facts import Address
from rules.suggestions import Draft
from tests.connectors.contract import a_draft

CASES: list[tuple[str | bytes, list[tuple[str, str]]]] = [
    ("eva@x.example", [("eva@x.example", "")]),
    ("Eva Beispiel <eva@x.example>", [("eva@x.example", "Eva Beispiel")]),
    ("Doe, Jane <j@x.example>, Bo <b@x.example>", [("j@x.example", "Doe, Jane"), ("b@x.example", "Bo")]),
    ('"Doe, Jane" <j@x.example>', [("j@x.example", "Doe, Jane")]),
    ('"a \\"b\\" c" <d@x.example>', [("d@x.example", 'a "b" c')]),
    ("alice@x.example <bob@y.example>", [("bob@y.example", "")]),
    ('"alice@x.example" <bob@y.example>', [("bob@y.example", "")]),
    ('"Alice (alice@x.example)" <bob@y.example>', [("bob@y.example", "")]),
    ("=?utf-8?q?alice=40x=2Eexample?= <bob@y.example>", [("bob@y.example", "")]),
    ("Team: a@x.example, Bo <b@x.example>;, c@x.example", [("a@x.example", ""), ("b@x.example", "Bo"), ("c@x.example", "")]),
    ("Team: Doe, J <j@x.example>;", [("j@x.example", "Doe, J")]),
    ("undisclosed-recipients:;", []),
    ("MISSING_MAILBOX@MISSING_DOMAIN, <>, foo, @x, a@", []),
    ("a@x.example; b@y.example", [("a@x.example", ""), ("b@y.example", "")]),
    ("a@x b@y", []),
    ("Jane Doe j@x.example", [("j@x.example", "Jane Doe")]),
    ("j@x.example (Jane (the Elder) Doe)", [("j@x.example", "Jane (the Elder) Doe")]),
    ("<@relay.example,@other.example:joe@c.example>", [("joe@c.example", "")]),
    ("<<joe@x.example>>", [("joe@x.example", "")]),
    ("Joe <joe@x.example", [("joe@x.example", "Joe")]),
    ("Joe <mailto:joe@x.example>", [("joe@x.example", "Joe")]),
    ("mailto:joe@x.example", [("joe@x.example", "")]),
    ('"john doe"@x.example', [('"john doe"@x.example', "")]),
    ("joe@[192.0.2.1]", [("joe@[192.0.2.1]", "")]),
    ("Joe <joe@Bücher.EXAMPLE.>", [("joe@xn--bcher-kva.example", "Joe")]),
    ("Łukasz <łukasz@x.example>", [("łukasz@x.example", "Łukasz")]),
    (b"J\xfcrgen <j@x.example>", [("j@x.example", "Jürgen")]),
    ("=?utf-8?q?Doe=2C_J=C3=BCrgen?= <j@x.example>", [("j@x.example", "Doe, Jürgen")]),
    ("=?utf-8?b?SsO8cmdlbg==?=\n\t=?utf-8?b?IERvZQ==?= <j@x.example>", [("j@x.example", "Jürgen Doe")]),
    ("'Jane Doe' <j@x.example>", [("j@x.example", "Jane Doe")]),
    ("E\u202eve\u200b <e@x.example>", [("e@x.example", "Eve")]),
    ("Jane\r\n Doe <j@x.example>,\r\n\t<b@x.example>", [("j@x.example", "Jane Doe"), ("b@x.example", "")]),
    (",, a@x.example ,,", [("a@x.example", "")]),
]  # fmt: skip


@pytest.mark.parametrize(("field", "want"), CASES, ids=[str(case[0])[:40] for case in CASES])
def test_who_is_named(field: str | bytes, want: list[tuple[str, str]]) -> None:
    found = parse_addresses(field if isinstance(field, bytes) else field.encode())
    assert [(address.email, address.name) for address in found.addresses] == want
    assert found.count == len(want)


@pytest.mark.parametrize(
    "field",
    [
        "/o=ExchangeLabs/ou=Group (FYDI)/cn=Recipients/cn=abc",
        '"Jane" </O=EX/OU=B/cn=Recipients/cn=j>',
        "IMCEAEX-_O=A_cn=b@x.example",
    ],
)
def test_an_exchange_directory_name_is_somebody_but_no_contact(field: str) -> None:
    found = parse_addresses(field.encode())
    assert (found.addresses, found.count) == ((), 1)


def test_what_lies_beyond_the_first_two_hundred_is_only_counted() -> None:
    for name in ("P{0} <p{0}@x.example>", '"P, {0}" <p{0}@x.example>'):
        found = parse_addresses(", ".join(name.format(n) for n in range(KEPT + 5)).encode())
        assert (len(found.addresses), found.count) == (KEPT, KEPT + 5)


@pytest.mark.parametrize("junk", ['"', "(", "<", ",", ":", ";", "a@", "\\", "a b ", "=?", '"a" <', "((", "=?utf-8?q?"])
def test_a_megabyte_of_one_sign_takes_seconds_and_names_nobody(junk: str) -> None:
    began = time.perf_counter()
    assert parse_addresses((junk * (1_000_000 // len(junk))).encode()).count <= 1
    assert time.perf_counter() - began < 30, "seconds; linear, whatever the machine"


LOCAL = st.from_regex(r"[a-z0-9!#$%&'*+/=?^_`{|}~-]{1,12}(\.[a-z0-9-]{1,8})?", fullmatch=True)
DOMAIN = st.from_regex(r"[a-z0-9]{1,10}(-[a-z0-9]{1,5})?\.(example|test)", fullmatch=True)
NAME = (
    st.text(
        st.characters(exclude_categories=("Cc", "Cf", "Cs", "Cn", "Co", "Zl", "Zp", "Zs"), exclude_characters="<>@'"),
        max_size=40,
    )
    .map(lambda text: " ".join(text.split()))
    .filter(lambda text: "=?" not in text and not text.startswith("mailto:"))
)
ADDRESS = st.builds(lambda local, domain, name: Address(email=f"{local}@{domain}", name=name), LOCAL, DOMAIN, NAME)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(ADDRESS, min_size=1, max_size=6),
    st.text(st.characters(exclude_categories=("Cc", "Cs", "Cf", "Zl", "Zp")), max_size=200),
)
def test_what_is_composed_reads_back_as_it_was(people: list[Address], subject: str) -> None:
    draft = Draft(**{name: getattr(a_draft(), name) for name in Draft.__slots__} | {"to": tuple(people), "subject": subject})
    raw = compose(draft)
    fact = parse_header(raw, remote_id="")
    assert [(address.email, " ".join(address.name.split())) for address in fact.to] == [(one.email, one.name) for one in people]
    assert fact.recipients == len(people)
    assert " ".join(fact.subject.split()) == " ".join(subject.split())
    assert max(map(len, raw.split(b"\r\n"))) <= 998
