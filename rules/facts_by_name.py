"""Every fact a condition of a rule may name."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from rules.cause_facts import CAUSE_FACTS
from rules.named_facts import NamedFact
from rules.tie_facts import TIE_FACTS

FACTS: Mapping[str, NamedFact] = MappingProxyType({fact.name: fact for fact in (*TIE_FACTS, *CAUSE_FACTS)})
"""All facts by name."""
