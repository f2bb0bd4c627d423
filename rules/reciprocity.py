"""Give before you ask: what the owner gave and asked for, as far as they noted it or it can be seen; nothing is guessed."""

from __future__ import annotations

from dataclasses import dataclass

from rules.network import Relation
from rules.words import called

THIN = 5
"""With fewer contacts there is no balance to speak of."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """Gives and asks between the owner and one person."""

    gives: int
    asks: int
    sentence: str
    """"" where there is too little to go by."""


def balance(relation: Relation) -> Balance:
    """Weigh what was given against what was asked."""
    gives, asks = relation.gives, relation.asks
    if relation.interactions < THIN or gives + asks == 0:
        return Balance(gives=gives, asks=asks, sentence="")
    sentence = f"{called(relation)}: {_times(gives)} given, {_times(asks)} asked, as far as I know."
    return Balance(gives=gives, asks=asks, sentence=sentence)


def before_an_ask(relation: Relation) -> str:
    """Return a warning to show before the owner asks for something and has given nothing; "" where none is due."""
    if relation.interactions < THIN or relation.gives:
        return ""
    asked = f"You asked {called(relation)} {_times(relation.asks)} and gave" if relation.asks else f"You gave {called(relation)}"
    return f"{asked} nothing that I know of: is there something to give first?"


def _times(count: int) -> str:
    return {0: "nothing", 1: "once", 2: "twice"}.get(count, f"{count} times")
