"""A rulebook is data: TOML in, typed rules out, and every problem at once with its file, its key and the nearest name."""

from __future__ import annotations

import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from types import MappingProxyType
from typing import Any, get_args

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rules.facts_by_name import FACTS
from rules.named_facts import FactType
from rules.rule import AnyOf, Approval, Caps, Condition, Limits, Mode, Rule, Rulebook, Timing, Trigger
from rules.rulebook_toml import ConditionText, RulebookText, RuleText, duration, hours

__all__ = [
    "AnyOf",
    "Approval",
    "Caps",
    "Condition",
    "FactHelp",
    "Limits",
    "Mode",
    "Problem",
    "Rule",
    "Rulebook",
    "RulebookError",
    "Timing",
    "Trigger",
    "facts",
    "parse",
    "schema",
]


NONE: Mapping[str, Collection[str]] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with a rulebook."""

    file: str
    key: str
    """Dotted path in the TOML; "" for the file itself."""
    message: str
    meant: str = ""
    """The key that was meant, where one is near: that it is missing need not be said too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FactHelp:
    """One fact a condition may use."""

    name: str
    type: FactType
    help: str


class RulebookError(Exception):
    """A rulebook cannot be used; `problems` lists everything wrong with it."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(": ".join(part for part in (p.file, p.key, p.message) if part) for p in problems))
        self.problems = tuple(problems)


def parse(texts: Sequence[tuple[str, str]], templates: Mapping[str, Collection[str]] = NONE) -> Rulebook:
    """Read rulebooks (file name, TOML text), the shipped one first; a later one overrides an earlier rule by rule, key by key.

    `templates`: the template names there are with the actions they have words for (Wording.names); empty = unchecked. Raises RulebookError with every
    problem of every file.
    """
    problems: list[Problem] = []
    read = [(file, found) for file, text in texts if (found := _read(file, text, problems)) is not None]
    whole = RulebookText()
    origin: dict[str, str] = {}
    for file, part in read:
        whole = _laid_over(whole, part)
        origin.update(dict.fromkeys(part.rules, file))
    meant = {problem.meant for problem in problems}
    for name, rule in whole.rules.items():
        gaps = _gaps(name, rule, templates, whole.rules)
        problems += (Problem(file=origin[name], key=key, message=why) for key, why in gaps if key not in meant)
    if problems:
        raise RulebookError(problems)
    rules = tuple(_rule(name, rule, whole.default_mode or "create") for name, rule in whole.rules.items())
    return Rulebook(rules=rules, default_mode=whole.default_mode or "create", limits=_limits(whole))


def facts() -> tuple[FactHelp, ...]:
    """List every fact a condition may use."""
    return tuple(FactHelp(name=fact.name, type=fact.type, help=fact.help) for fact in FACTS.values())


def schema() -> Mapping[str, object]:
    """Return the JSON Schema (draft 2020-12) of a rulebook, for editors."""
    made = RulebookText.model_json_schema(by_alias=True)
    made["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    made["title"] = "Rekindle rulebook"
    made["$defs"]["ConditionText"]["properties"]["fact"]["enum"] = ["", *FACTS]
    return made


def _read(file: str, text: str, problems: list[Problem]) -> RulebookText | None:
    """Read one file; what is wrong with it joins `problems`, and the rest of it is returned, to be looked at too."""
    try:
        found = tomllib.loads(text)
    except tomllib.TOMLDecodeError as fault:
        problems.append(Problem(file=file, key="", message=f"this is not TOML: {fault}"))
        return None
    try:
        return RulebookText.model_validate(found)
    except ValidationError as fault:
        problems += (_problem(file, error) for error in fault.errors())
        return _sound_part(found, fault.errors())


def _sound_part(found: dict[str, Any], faults: Sequence[ErrorDetails]) -> RulebookText | None:
    """Read what is left without the keys nobody knows and the rules that cannot be read."""
    for fault in faults:
        *way, last = fault["loc"][: 3 if fault["type"] == "extra_forbidden" else 2]
        table = found
        for step in way:
            table = table.get(str(step), {})
        table.pop(str(last), None)
    try:
        return RulebookText.model_validate(found)
    except ValidationError:
        return None


def _problem(file: str, error: ErrorDetails) -> Problem:
    """Word one complaint of the parser for the owner."""
    key = ".".join(str(part) for part in error["loc"])
    message, meant = error["msg"].removeprefix("Value error, "), ""
    if error["type"] == "extra_forbidden":
        *way, said = map(str, error["loc"])
        known = _known_keys(error["loc"])
        message = f"there is no such key{nearest(said, known)}"
        meant = next((".".join((*way, near)) for near in _near(said, known)), "")
    elif error["type"] == "literal_error":
        expected = error.get("ctx", {}).get("expected", "")
        message = f"{error['input']!r} is none of {expected}{nearest(str(error['input']), _literals(error['loc']))}"
    return Problem(file=file, key=key, message=message, meant=meant)


def nearest(word: str, known: Collection[str]) -> str:
    """Return a hint at the nearest known name, "" where none is near."""
    found = _near(word, known)
    return f"; did you mean {found[0]!r}?" if found else ""


def _near(word: str, known: Collection[str]) -> list[str]:
    return get_close_matches(word, known, n=1, cutoff=0.5)


def _known_keys(loc: tuple[int | str, ...]) -> Collection[str]:
    """Return the keys known at a place of the TOML."""
    match [str(part) for part in loc[:-1]]:
        case []:
            return tuple(RulebookText.model_fields)
        case ["rules", _]:
            return tuple(RuleText.model_fields)
        case ["rules", _, "when", *_]:
            return tuple(field.alias or name for name, field in ConditionText.model_fields.items())
        case ["rules", _, "timing"]:
            return ("delay", "hours", "keep_working_days", "minutes", "notice", "social", "veto")
        case ["rules", _, "caps"]:
            return ("per_person", "per_day", "per_week")
        case _:
            return tuple(Limits.__dataclass_fields__)


def _literals(loc: tuple[int | str, ...]) -> Collection[str]:
    named: dict[str, Collection[str]] = {
        "trigger": get_args(Trigger),
        "mode": get_args(Mode),
        "default_mode": get_args(Mode),
        "approval": get_args(Approval),
        "action": ("draft", "hold", "invite"),
    }
    return named.get(str(loc[-1]), ())


def _laid_over(below: RulebookText, above: RulebookText) -> RulebookText:
    """Lay one rulebook over another: what it says counts, what it leaves out stays. Lists are replaced whole."""
    merged = _merged(below.model_dump(exclude_unset=True, by_alias=True), above.model_dump(exclude_unset=True, by_alias=True))
    return RulebookText.model_validate(merged)


def _merged(below: Mapping[str, object], above: Mapping[str, object]) -> dict[str, object]:
    result = dict(below)
    for key, value in above.items():
        under = result.get(key)
        result[key] = _merged(under, value) if isinstance(under, dict) and isinstance(value, dict) else value
    return result


def _gaps(name: str, rule: RuleText, templates: Mapping[str, Collection[str]], rules: Collection[str]) -> Iterator[tuple[str, str]]:
    """Yield what a rule still lacks once all files are laid over each other; of a misspelt name only that."""
    missing = [key for key in ("trigger", "action") if getattr(rule, key) is None]
    if len(missing) > 1 and (close := get_close_matches(name, [other for other in rules if other != name], n=1, cutoff=0.8)):
        yield f"rules.{name}", f"there is no such rule; did you mean {close[0]!r}? A new one needs a trigger and an action"
        return
    yield from ((f"rules.{name}.{key}", "is missing: a rule needs a trigger and an action") for key in missing)
    template = rule.template or name
    if templates and template not in templates:
        yield f"rules.{name}.template", f"there is no template {template!r}{nearest(template, templates)}"
    elif templates and rule.action is not None and rule.action not in templates[template]:
        able = [each for each, actions in templates.items() if rule.action in actions]
        yield (
            f"rules.{name}.action",
            f"the template {template!r} has no words for {rule.action}; these have: {', '.join(able) or 'none'}",
        )


def _rule(name: str, rule: RuleText, default_mode: Mode) -> Rule:
    assert rule.trigger is not None  # noqa: S101 -- _gaps has refused a rule without
    assert rule.action is not None  # noqa: S101 -- as above
    return Rule(
        name=name,
        trigger=rule.trigger,
        action=rule.action,
        template=rule.template or name,
        description=rule.description,
        when=tuple(made for text in rule.when for made in _conditions(text)),
        timing=_timing(rule),
        caps=_caps(rule),
        mode=rule.mode or default_mode,
        approval=rule.approval or "ask",
    )


def _conditions(text: ConditionText) -> Iterator[Condition | AnyOf]:
    if text.any_of:
        yield AnyOf(branches=tuple(tuple(_plain(inner)) for inner in text.any_of), why_not=text.why_not)
    yield from _plain(text)


def _plain(text: ConditionText) -> Iterator[Condition]:
    for operator, value in text.tests():
        yield Condition(
            fact=text.fact, operator=operator, value=value, why_not=text.why_not, is_lasting=not text.only_when_planning
        )


def _timing(rule: RuleText) -> Timing:
    text = rule.timing
    return Timing(
        delay=duration(text.delay),
        hours=hours(text.hours),
        keep_working_days=text.keep_working_days,
        minutes=text.minutes,
        notice=text.notice,
        social=text.social,
        veto=duration(text.veto),
    )


def _caps(rule: RuleText) -> Caps:
    text = rule.caps
    per_person = duration(text.per_person) if text.per_person else None
    return Caps(per_person=per_person, per_day=text.per_day, per_week=text.per_week)


def _limits(whole: RulebookText) -> Limits:
    return Limits(**whole.limits.model_dump())
