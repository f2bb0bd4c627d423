"""The kind of an address from its words and its behaviour: what a machine is called, what a machine does."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from rules.addresses import domain_of, match_key, organisation
from rules.hiring_systems import is_hiring_system
from rules.names import is_human_name, name_key, name_tokens
from rules.signals import VIA_NAME
from rules.wordlists import MACHINE_DOMAINS, MACHINE_WORDS, NEVER_BORNE, ORGANISATIONAL, ROLE_WORDS

if TYPE_CHECKING:
    from rules.network import Kind

RELAYS: Final = frozenset({"privaterelay.appleid.com", "reply.github.com", "noreply.github.com", "users.noreply.github.com"})
HASH: Final = re.compile(
    r"(?=[^@]*\d)[0-9a-f]{16,}|[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-|\d{9,}|=[^=@]*=|^(?:srs|prvs|bounce|msprvs)\d?[=+-]"
)
MACHINE_LIKE: Final = MACHINE_WORDS | ROLE_WORDS | ORGANISATIONAL
"""Words of which a name has at most one: nobody is called Support Team."""
SHORTEST_NAME: Final = 4
"""Letters of a family name that can explain a word: Bot and Ci do not."""
TALKS: Final = 3
"""How many people have to share one address before it is a relay."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The kind of an address, and why, in one clause."""

    kind: Kind
    reason: str


def judge(email: str, names: Mapping[str, int], counts: Mapping[str, int]) -> Verdict:
    """Judge the kind of an address from the names it was seen under and its counters.

    `names`: decoded display name -> how often. `counts`: the tallies of all sightings added up, plus `meetings` (held
    meetings it was a guest of), `rooms` (times a calendar called it a room or resource) and `groups` (CUTYPE GROUP).
    Counters are additive: those of two mailboxes or two halves of one may be summed in any order.
    """
    key = match_key(email)
    if not key:
        return Verdict(kind="unknown", reason="no address of the outside world")
    own = [name for name in names if _is_own(name, key)]
    found = (
        _by_calendar(key, counts)
        or _by_list(counts)
        or _by_words(email, key, names, own, is_met=counts.get("meetings", 0) > 0)
        or _by_behaviour(counts)
    )
    return found or _human(key, names, own, counts)


def has_exchange(counts: Mapping[str, int]) -> bool:
    """Tell whether there was a two-way exchange with the owner or a held meeting: only then a human joins the network."""
    return counts.get("meetings", 0) > 0 or (counts.get("in", 0) > 0 and counts.get("to", 0) > 0)


def _by_calendar(key: str, counts: Mapping[str, int]) -> Verdict | None:
    domain = domain_of(key)
    if counts.get("rooms", 0) or domain == "resource.calendar.google.com":
        return Verdict(kind="room", reason="a calendar calls it a room or resource")
    if counts.get("groups", 0) or domain == "group.calendar.google.com":
        return Verdict(kind="list", reason="a calendar calls it a group")
    return None


def _by_list(counts: Mapping[str, int]) -> Verdict | None:
    """Believe the headers that name a list; a human whose address a stranger's header names still writes mail."""
    listed = counts.get("list", 0)
    if listed and listed >= counts.get("from", 0) - counts.get("via", 0):
        return Verdict(kind="list", reason="list headers name it as the address to post to")
    return None


def _by_words(email: str, key: str, names: Mapping[str, int], own: Sequence[str], *, is_met: bool) -> Verdict | None:
    word = _machine_word(email.strip().lower(), key)
    if is_met and any(_is_signed(name, key) for name in names):
        return None
    if word and not _is_borne(word, key, own):
        return Verdict(kind="machine", reason=f"its address says “{word}”")
    human = sum([names[name] for name in own])
    machine = sum([count for name, count in names.items() if _is_nobodys(name)])
    if machine > human:
        return Verdict(kind="machine", reason="its display name is a machine's or an organisation's")
    if len({name_key(name) for name in names} - {""}) >= TALKS and not _explains(key, names):
        return Verdict(kind="machine", reason="several people's names on one address: a relay")
    return None


def _is_signed(name: str, key: str) -> bool:
    """Tell whether an address is first.last of the name on it, one of the two a word like others: Friedrich List, Sam Bank.

    Who has also been met is believed to be called so.
    """
    words, pieces = name_tokens(name), re.split(r"[^a-z]+", key.rpartition("@")[0])
    is_pair = len(words) == 2 and sorted(words) == sorted(pieces)  # noqa: PLR2004 - first and last
    return is_pair and NEVER_BORNE.isdisjoint(words) and not MACHINE_LIKE.issuperset(words)


def _is_nobodys(name: str) -> bool:
    """Tell whether a display name says that no single human writes: a word no human bears, or somebody "via" a service."""
    return VIA_NAME.search(name) is not None or not ORGANISATIONAL.isdisjoint(name_tokens(name))


def _is_own(name: str, key: str) -> bool:
    """Tell whether a display name is a full human name, and not that of the organisation whose domain it is."""
    return is_human_name(name) and not _is_nobodys(name) and not _is_the_domains(name_tokens(name), key)


def _is_the_domains(words: tuple[str, ...], key: str) -> bool:
    """Tell whether a name is its domain's: Best Buy at bestbuy.com, Debian FTP Masters at debian.org, the WSJ at wsj.com.

    Anna Berg at annaberg.com writes as anna@, not as annaberg@; a family name for a domain says nothing.
    """
    label = _letters(organisation(key).partition(".")[0])
    is_whole = len(label) > len("ab") and label in {"".join(words), "".join([word[0] for word in words])}
    is_first = words[:1] == (label,)
    if not (is_whole or is_first):
        return False
    local = set(re.split(r"[^a-z]+", key.rpartition("@")[0]))
    return (is_whole and local.isdisjoint(words)) or (is_first and local.isdisjoint(words[1:]))


@lru_cache(maxsize=1 << 12)
def _letters(text: str) -> str:
    return "".join(re.findall("[a-z]", text))


@lru_cache(maxsize=1 << 15)
def _machine_word(email: str, key: str) -> str:
    """Return what gives a machine away in an address, "" if nothing does."""
    local, domain = key.rpartition("@")[0], domain_of(key)
    squeezed = re.sub(r"[^a-z]", "", local)
    for word in re.split(r"[^a-z]+", local):
        if word in MACHINE_WORDS:
            return word
        if len(word) > 4 and word.endswith(("bot", "robot", "noreply")):  # noqa: PLR2004 - abbot and talbot are names
            return word
    if squeezed.startswith(("noreply", "donotreply", "dontreply", "mailerdaemon")) or squeezed.endswith("noreply"):
        return "noreply" if "reply" in squeezed else "mailer-daemon"
    if domain in RELAYS or not MACHINE_DOMAINS.isdisjoint(domain.removesuffix(organisation(key)).split(".")):
        return domain
    return "a code made for one message" if HASH.search(email.rpartition("@")[0]) else ""


def _is_borne(word: str, key: str, own: Iterable[str]) -> bool:
    """Tell whether a human name explains the word: Alexandre Courbot has acourbot@, Richard Jenkins richard.jenkins@.

    A word that is a machine's as it stands needs another part of the name beside it: jenkins@ stays a machine's,
    marc_news@ is Marc's. Nothing explains a word no human puts beside their name.
    """
    if word in NEVER_BORNE:
        return False
    pieces = re.split(r"[^a-z]+", key.rpartition("@")[0])
    for words in map(name_tokens, own):
        if any(other in pieces for other in words if other != word and len(other) >= SHORTEST_NAME):
            return word in pieces
        for borne in words:
            if len(borne) >= SHORTEST_NAME and word.endswith(borne):
                beside = "".join(pieces).replace(borne, "", 1)
                if word not in MACHINE_WORDS or any(other[0] in beside for other in words if other != borne):
                    return True
    return False


def _explains(key: str, names: Mapping[str, int]) -> bool:
    """Tell whether one of the names is the local part's own."""
    local = "".join(re.findall("[a-z]", key.rpartition("@")[0]))
    return any(len(token) > 2 and token in local for name in names for token in name_tokens(name))  # noqa: PLR2004


def _by_behaviour(counts: Mapping[str, int]) -> Verdict | None:
    sent = counts.get("from", 0)
    if sent and 2 * (counts.get("from_auto", 0) + counts.get("from_bounce", 0)) > sent:
        return Verdict(kind="machine", reason="most of its mail says that it was made by a machine")
    if sent and 2 * counts.get("via", 0) > sent:
        return Verdict(kind="machine", reason="it carries the mail of others")
    if sent and 2 * counts.get("from_bulk", 0) > sent and not has_exchange(counts):
        return Verdict(kind="machine", reason="it sends newsletters and was never part of an exchange")
    return None


def _human(key: str, names: Mapping[str, int], own: Sequence[str], counts: Mapping[str, int]) -> Verdict:
    """Ask for evidence of a human: a meeting, a full name on mail of theirs, or an exchange under a personal address."""
    words = [word for word in re.split(r"[^a-z]+", key.rpartition("@")[0]) if word]
    is_role = not ROLE_WORDS.isdisjoint(set(words) - {token for name in own for token in name_tokens(name)})
    is_the_domains = any(_is_the_domains(name_tokens(name), key) for name in names)
    if counts.get("meetings", 0):
        return _met(key, names, counts, is_role=is_role, is_the_domains=is_the_domains)
    is_somebodys = not is_role and _is_personal(words) and not is_the_domains
    if has_exchange(counts) and (own or is_somebodys):
        return Verdict(kind="human", reason="the owner and they wrote to each other")
    if own and not is_role and (counts.get("from", 0) or counts.get("to", 0) or counts.get("seen", 0)):
        return Verdict(kind="human", reason="a full human name under a personal address")
    if counts.get("from_reply", 0) and not is_role and not any(names) and _is_full_name(words):
        return Verdict(kind="human", reason="it answers mail, and its address is a full name")
    return Verdict(kind="unknown", reason="a shared mailbox without an exchange" if is_role else "nothing yet shows a human")


def _met(key: str, names: Mapping[str, int], counts: Mapping[str, int], *, is_role: bool, is_the_domains: bool) -> Verdict:
    """Judge who was met: what organises meetings is a human where a human is named, or writes back under a name of its own."""
    has_mail = counts.get("in", 0) > 0 and counts.get("to", 0) > 0
    if is_hiring_system(key, names or ("",)) and not has_mail:
        return Verdict(kind="machine", reason="a hiring system makes appointments from there")
    is_named = any(is_human_name(name) or _is_signed(name, key) for name in names)
    is_called = any(name and match_key(name) != key for name in names) and not is_the_domains
    if (is_role or is_the_domains) and not is_named and not (has_mail and (is_called or not is_role)):
        return Verdict(kind="unknown", reason="a meeting was held with it, but nothing names a human there")
    return Verdict(kind="human", reason="a meeting was held with them")


def _is_personal(words: list[str]) -> bool:
    """Tell whether the words of a local part can be somebody's name: initials alone cannot be told from a machine."""
    return any(len(word) >= SHORTEST_NAME or (len(word) == SHORTEST_NAME - 1 and re.search("[aeiouy]", word)) for word in words)


def _is_full_name(words: list[str]) -> bool:
    """Tell whether a local part is first.last: two words, neither of them a machine's or an organisation's."""
    is_pair = len(words) == 2 and all(len(word) >= SHORTEST_NAME - 1 for word in words)  # noqa: PLR2004 - first and last
    return is_pair and ORGANISATIONAL.isdisjoint(words)
