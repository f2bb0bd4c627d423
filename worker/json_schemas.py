"""The JSON Schemas of what --json prints, made from the views themselves: python -m worker.json_schemas docs/json."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from worker.json_choices import AttentionView, BacktestView, MonthView, NeverView, PromiseView, QuietListsView, RuleView
from worker.json_views import AnswerView, FeedView, FindingView, PairView, PersonView, RuleFactView, SuggestionView, TrialView

VIEWS: Mapping[str, Any] = {
    "preview": tuple[SuggestionView, ...],
    "suggestions": tuple[SuggestionView, ...],
    "people": tuple[PersonView, ...],
    "people-quiet": QuietListsView,
    "people-review": tuple[PairView, ...],
    "try": TrialView,
    "status": tuple[FeedView, ...],
    "status-rules": tuple[RuleView, ...],
    "month": MonthView,
    "attention": AttentionView,
    "backtest": BacktestView,
    "promise": tuple[PromiseView, ...],
    "mute": tuple[NeverView, ...],
    "never": tuple[NeverView, ...],
    "why": AnswerView,
    "why-not": AnswerView,
    "doctor": tuple[FindingView, ...],
    "rules-check": tuple[FindingView, ...],
    "rules-facts": tuple[RuleFactView, ...],
}
"""What each verb prints with --json."""

SPOKEN: Mapping[str, str] = {"why-not": "why-not", "status-rules": "status --rules"}
"""Verbs that are not said as their schema is called."""


def schema_of(verb: str) -> dict[str, object]:
    """Return the JSON Schema (draft 2020-12) of a verb: every key is there, and no other."""
    schema = TypeAdapter(VIEWS[verb]).json_schema(mode="serialization")
    for each in (schema, *schema.get("$defs", {}).values()):
        if each.get("type") == "object":
            each["additionalProperties"] = False
    schema.pop("title", None)
    spoken = SPOKEN.get(verb) or verb.replace("-", " ")
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": f"rekindle {spoken} --json", **schema}


def text_of(verb: str) -> str:
    """Write the schema as it lies in docs/json."""
    return json.dumps(schema_of(verb), indent=2, ensure_ascii=False) + "\n"


def main() -> None:
    """Write all of them into a folder."""
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for verb in VIEWS:
        (folder / f"{verb}.schema.json").write_text(text_of(verb), encoding="utf-8")


if __name__ == "__main__":
    main()
