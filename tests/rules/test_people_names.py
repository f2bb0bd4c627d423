"""Addresses as keys and names as people write them: golden tables, and promises for any text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from nameparser import HumanName
from nameparser.config import CONSTANTS

from rules.addresses import domain_of, is_freemail, match_key, organisation
from rules.names import best_name, clean_name, first_name, given_name, is_human_name, name_key


@pytest.mark.parametrize(
    ("email", "key"),
    [
        ("Anna.Berg@Acme.Example", "anna.berg@acme.example"),
        (" <anna@acme.example> ", "anna@acme.example"),
        ("anna+list@acme.example", "anna@acme.example"),
        ("+anna@acme.example", "+anna@acme.example"),
        ("anna+ci-bot@acme.example", "anna+ci-bot@acme.example"),
        ("anna+noreply@gmail.com", "anna+noreply@gmail.com"),
        ("anna+bottle@acme.example", "anna@acme.example"),
        ("An.Na+x@Gmail.com", "anna@gmail.com"),
        ("an.na@googlemail.com", "anna@gmail.com"),
        ("an.na@acme.example", "an.na@acme.example"),
        ("anna-shop@yahoo.co.uk", "anna@yahoo.co.uk"),
        ("anna-shop@acme.example", "anna-shop@acme.example"),
        ("-anna@yahoo.com", "-anna@yahoo.com"),
        ('"anna berg"@acme.example', ""),
        ('"anna"@acme.example', "anna@acme.example"),
        ("anna@müller.example", "anna@xn--mller-kva.example"),
        ("anna@xn--mller-kva.example", "anna@xn--mller-kva.example"),
        ("anna@acme.example.", "anna@acme.example"),
        ("anna@" + "ü" * 80 + ".example", ""),
        ("a" * 310 + "@acme.example", ""),
        ("undisclosed-recipients:;", ""),
        ("anna", ""),
        ("@acme.example", ""),
        ("anna@", ""),
        ("", ""),
        ("an na@acme.example", ""),
        ("anna@ac\u200bme.example", "anna@acme.example"),
        ("an\u200bna@acme.example", ""),
        ("/o=Own/ou=First/cn=Recipients/cn=anna", ""),
        ("/o=Own/ou=First/cn=anna@own.example", ""),
        ("IMCEAEX-_O=OWN_CN=ANNA@own.example", ""),
        ("ann,a@acme.example", ""),
    ],
)
def test_spellings_of_one_mailbox_share_a_key(email: str, key: str) -> None:
    assert match_key(email) == key


@settings(max_examples=300, deadline=None)
@given(
    st.one_of(
        st.text(max_size=40),
        st.emails(),
        st.from_regex(r"[A-Za-z.+\"-]{1,9}@(gmail\.com|yahoo\.de|[a-zü。.]{1,9})", fullmatch=True),
    )
)
def test_a_key_is_its_own_key(email: str) -> None:
    key = match_key(email)
    assert match_key(key) == key
    assert key == "" or key.count("@") == 1
    assert domain_of(key) == key.rpartition("@")[2]
    assert key == key.lower()


@pytest.mark.parametrize(
    ("key", "found", "is_free"),
    [
        ("anna@mail.acme.co.uk", "acme.co.uk", False),
        ("anna@acme.com", "acme.com", False),
        ("anna@gmail.com", "", True),
        ("anna@hotmail.co.uk", "", True),
        ("anna@yahoo.com.br", "", True),
        ("anna@gmx.de", "", True),
        ("anna@yahoo-inc.com", "yahoo-inc.com", False),
        ("anna@live.acme.com", "acme.com", False),
        ("anna@co.uk", "", False),
        ("", "", False),
    ],
)
def test_an_organisation_is_a_registrable_domain_and_free_mail_is_none(key: str, found: str, is_free: bool) -> None:
    assert organisation(key) == found
    assert is_freemail(key) is is_free


@pytest.mark.parametrize(
    ("name", "cleaned"),
    [
        ("'Anna Berg'", "Anna Berg"),
        ('"Berg, Anna"', "Anna Berg"),
        ("van der Berg, Anna Maria", "Anna Maria van der Berg"),
        ("Berg, Anna (EXT)", "Anna Berg"),
        ("[EXT] Anna Berg", "Anna Berg"),
        ("Anna Berg (Acme (Ltd))", "Anna Berg"),
        ("Anna Berg, PhD", "Anna Berg"),
        ("Anna Berg via Docs", "Anna Berg"),
        ("Anna Berg | Acme", "Anna Berg"),
        ("Acme, Sales, Support and Service", "Acme"),
        ("one two three four, five", ""),
        ("\u202eAnna\u200b Berg\u202c", "Anna Berg"),
        ("Ａｎｎａ Berg", "Anna Berg"),
        ("anna@acme.example", ""),
        ("Anna <anna@acme.example>", ""),
        ("x" * 201, ""),
        ("(EXT)", ""),
        ("", ""),
    ],
)
def test_a_name_is_cleaned_of_what_gateways_add(name: str, cleaned: str) -> None:
    assert clean_name(name) == cleaned


@pytest.mark.parametrize(
    ("one", "other", "is_same"),
    [
        ("Anna Berg", "BERG Anna", True),
        ("Anna Berg", "Berg, Anna (EXT)", True),
        ("Anna Müller", "Anna Mueller", True),
        ("Anna Müller", "Anna Muller", True),
        ("Søren Ångström", "Soren Angstrom", True),
        ("Dr. Anna Berg", "Anna Berg, MBA", True),
        ("Anna Q. Berg", "Anna Berg", True),
        ("Anna Berg", "Anna Bergmann", False),
        ("Anna Berg", "Hanna Berg", False),
        ("Anna Jarvis-Lund", "Anna Lund-Jarvis", False),
        ("山田 太郎", "太郎 山田", True),
    ],
)
def test_spellings_of_one_full_name_share_a_key(one: str, other: str, is_same: bool) -> None:
    assert (name_key(one) == name_key(other)) is is_same
    assert name_key(one)


@pytest.mark.parametrize(
    "name", ["", "Anna", "A. B.", "Support Team", "Acme 24", "SourceForge.net Bug", "kernel test robot", "a b c d e f g h"]
)
def test_what_is_no_full_name_has_no_key(name: str) -> None:
    assert name_key(name) == ""


def test_names_in_other_scripts_need_no_space() -> None:
    assert is_human_name("山田太郎")
    assert not is_human_name("山")
    assert name_key("山田太郎")


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("Anna Berg", "Anna"),
        ("Anna-Lena Berg", "Anna-Lena"),
        ("Dr. Anna Maria van der Berg", "Anna"),
        ("Élodie Durand", "Élodie"),
        ("D'Arcy Wells", "D'Arcy"),
        ("Berg, Anna (EXT)", ""),
        ("Berg, Anna", ""),
        ("Anna Berg (EXT)", ""),
        ("BERG Anna", ""),
        ("anna berg", ""),
        ("A. Berg", ""),
        ("Anna", ""),
        ("Li Wei", ""),
        ("Nguyen Van An", ""),
        ("山田 太郎", ""),
        ("Анна Иванова", ""),
        ("Support Team", ""),
        ("Anna Berg via Docs", ""),
        ("Anna Berg | Acme", ""),
        ("Agent 47", ""),
        ("anna@acme.example", ""),
        ("", ""),
    ],
)
def test_a_first_name_is_given_only_when_it_is_certain(name: str, given: str) -> None:
    assert first_name(name) == given


def test_the_best_name_is_the_full_one_seen_most_often_in_its_most_frequent_spelling() -> None:
    assert best_name({"Anna": 50, "Anna Berg": 3, "BERG Anna": 2, "Ben Cole": 4}) == "Anna Berg"
    assert best_name({"ANNA BERG": 3, "Anna Berg": 3}) == "Anna Berg"
    assert best_name({"Anna": 5, "Annie": 9}) == "Annie"
    assert best_name({"anna@acme.example": 9, "": 2}) == ""
    assert best_name({}) == ""


def test_a_given_name_is_certain_only_where_all_spellings_agree() -> None:
    assert given_name({"Berg, Anna (EXT)": 9, "Anna Berg": 1}) == "Anna"
    assert given_name({"Berg, Anna (EXT)": 9}) == ""
    assert given_name({"Anna Berg": 9, "Berg Anna": 1}) == ""
    assert given_name({"Anna": 9}) == ""
    assert given_name({}) == ""


@settings(max_examples=200, deadline=None)
@given(st.text(max_size=60))
def test_any_name_is_read_without_an_error_and_cleaning_is_stable(name: str) -> None:
    cleaned = clean_name(name)
    assert len(cleaned) <= 400
    assert not any(char in cleaned for char in "\u200b\u202e\u2066")
    assert first_name(name) == "" or first_name(name) in name
    assert name_key(name) == "" or is_human_name(name)


def words() -> st.SearchStrategy[str]:
    """Any Latin word, and those that nameparser takes for titles, particles or what stands after a name."""
    known = [
        word
        for group in (CONSTANTS.titles, CONSTANTS.prefixes, CONSTANTS.suffix_acronyms, CONSTANTS.conjunctions)
        for word in group
    ]
    return st.one_of(st.from_regex(r"[A-Za-zÀ-ž][a-zà-ž]{1,8}", fullmatch=True), st.sampled_from(sorted(known))).map(str.capitalize)


@settings(max_examples=500, deadline=None)
@given(words(), words())
def test_a_name_of_two_words_is_read_as_nameparser_reads_it(one: str, other: str) -> None:
    assert first_name(f"{one} {other}") in {"", HumanName(f"{one} {other}").first}


def test_no_word_that_nameparser_knows_is_taken_for_a_given_name() -> None:
    for group in (CONSTANTS.titles, CONSTANTS.prefixes, CONSTANTS.suffix_not_acronyms, CONSTANTS.suffix_acronyms):
        for word in group:
            for name in (f"{word.capitalize()} Berg", f"Anna {word.capitalize()}"):
                assert first_name(name) in {"", HumanName(name).first}, name


@settings(max_examples=100, deadline=None)
@given(st.dictionaries(st.sampled_from(["Anna Berg", "Berg, Anna", "Ben Cole", "Anna", "", "ANNA BERG"]), st.integers(1, 9)))
def test_names_are_chosen_whatever_their_order(names: dict[str, int]) -> None:
    swapped = dict(reversed(names.items()))
    assert best_name(names) == best_name(swapped)
    assert given_name(names) == given_name(swapped)
