"""What is wrong with the settings, all at once: the file, the key, the sentence, and the nearest thing that is known."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

Where = tuple[int | str, ...]

_PLAIN = {
    "bool_parsing": "This is to be true or false.",
    "bool_type": "This is to be true or false.",
    "greater_than_equal": "This is to be {ge} or more.",
    "int_parsing": "This is to be a whole number.",
    "int_type": "This is to be a whole number.",
    "less_than_equal": "This is to be {le} or less.",
    "string_type": "This is to be a text.",
    "too_short": "At least one is wanted here.",
    "tuple_type": "This is to be a list.",
}
"""What pydantic calls it, in the owner's words."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong with the settings."""

    file: str
    """The file, or "the environment"."""
    key: str
    """Dotted path in the TOML (`owners.ana.zone`, `owners.ana.people[0].cadence`); "" for the file itself."""
    message: str
    nearest: str = ""
    """The nearest known key or value; "" where nothing is near."""

    def __str__(self) -> str:
        """Write it on one line."""
        where = f"{self.file}: {self.key}" if self.key else self.file
        hint = f" Did you mean {self.nearest!r}?" if self.nearest else ""
        return f"{where}: {self.message}{hint}"


class ConfigError(Exception):
    """The settings cannot be used; `problems` lists everything wrong with them."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(map(str, self.problems)))


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word that is most like this one, whatever its case; "" where none is like it."""
    by_fold = {candidate.casefold(): candidate for candidate in known}
    close = get_close_matches(word.casefold(), by_fold, n=1, cutoff=0.6)
    return by_fold[close[0]] if close else ""


def dotted(where: Where) -> str:
    """Write the way to a key as TOML has it: `owners.ana.people[0].cadence`."""
    text = ""
    for part in where:
        if part == "[key]":  # pydantic's way to say that the key itself is wrong
            continue
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


def problems_of(error: ValidationError, model: type[BaseModel], file: str) -> Iterator[Problem]:
    """Say what pydantic found in the owner's words."""
    found = error.errors(include_url=False)
    for details in found:
        where = details["loc"]
        if details["type"] == "too_short" and any(other["loc"][: len(where)] == where != other["loc"] for other in found):
            continue  # the list is short of what was wrong with it
        if details["type"] != "value_error" or not isinstance(cause := details.get("ctx", {}).get("error"), KnownValueError):
            yield _problem(details, model, file)
        else:
            yield Problem(file=file, key=dotted(details["loc"]), message=str(cause), nearest=cause.nearest)


class KnownValueError(ValueError):
    """A value that is none of the known ones; carries the nearest."""

    def __init__(self, message: str, word: str, known: Iterable[str]) -> None:
        super().__init__(message)
        self.nearest = nearest(word, known)


def _problem(details: ErrorDetails, model: type[BaseModel], file: str) -> Problem:
    where = details["loc"]
    key = dotted(where)
    match details["type"]:
        case "extra_forbidden":
            known = _keys_at(model, where[:-1])
            return Problem(file=file, key=key, message="This key is not known.", nearest=nearest(str(where[-1]), known))
        case "missing":
            return Problem(file=file, key=key, message="This key is wanted and not there.")
        case "literal_error":
            known = [part.strip(" '\"") for part in str(details["ctx"]["expected"]).replace(" or ", ",").split(",")]
            said = str(details["input"])
            return Problem(file=file, key=key, message=f"{said!r} is none of {', '.join(known)}.", nearest=nearest(said, known))
        case "model_type" | "model_attributes_type" | "dict_type":
            return Problem(file=file, key=key, message="This is to be a table: write it as [section].")
        case kind if kind in _PLAIN:
            return Problem(file=file, key=key, message=_PLAIN[kind].format(**details.get("ctx", {})))
        case _:
            message = details["msg"].removeprefix("Value error, ")
            return Problem(file=file, key=key, message=message if message.endswith(".") else f"{message}.")


def _keys_at(model: type[BaseModel], where: Sequence[int | str]) -> list[str]:
    """List the keys the table at `where` may have."""
    here: type[BaseModel] | None = model
    for part in where:
        if here and part in here.model_fields:
            here_next = _model_in(here.model_fields[str(part)].annotation)
            here = here_next or here
    return list(here.model_fields) if here else []


def _model_in(annotation: Any) -> type[BaseModel] | None:  # noqa: ANN401 - a type annotation may be anything
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    return next((found for part in get_args(annotation) if (found := _model_in(part))), None)
