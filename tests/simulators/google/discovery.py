"""The discovery documents of google-api-python-client as judge: routes, requests, answers and `fields=` are held to them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any
from urllib.parse import unquote

from googleapiclient.discovery_cache import get_static_doc

Tree = dict[str, "Tree"]
"""A parsed `fields=`; an empty tree means everything below."""


class BadFields(Exception):
    """A `fields=` that names what is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Method:
    """One method of an API, as the discovery document has it."""

    id: str
    verb: str
    pattern: re.Pattern[str]
    doc: Mapping[str, Any]
    api: Mapping[str, Any]

    @property
    def scopes(self) -> frozenset[str]:
        """Any one of these suffices."""
        return frozenset(self.doc.get("scopes", ()))

    def parameter(self, name: str) -> Mapping[str, Any] | None:
        """Find a parameter, of the method or of every method."""
        found: Mapping[str, Any] | None = self.doc.get("parameters", {}).get(name) or self.api.get("parameters", {}).get(name)
        return found

    def schema(self, side: str) -> Mapping[str, Any]:
        """Return the schema of the request or the response; {} where it has none."""
        found: Mapping[str, Any] = self.doc.get(side, {})
        return found


@dataclass(slots=True)
class Discovery:
    """The methods of Gmail, Calendar and Pub/Sub."""

    methods: list[Method] = field(default_factory=list)

    @classmethod
    def read(cls) -> Discovery:
        """Read the bundled documents."""
        found = cls()
        for name, version in (("gmail", "v1"), ("calendar", "v3"), ("pubsub", "v1")):
            api = json.loads(get_static_doc(name, version))
            for doc in _methods(api):
                path = api["servicePath"] + doc.get("flatPath", doc["path"])
                stop = "/:" if name == "pubsub" else "/"
                pattern = re.compile("/" + re.sub(r"\\\{(\w+)\\\}", rf"(?P<\1>[^{stop}]+)", re.escape(path)))
                found.methods.append(Method(id=doc["id"], verb=doc["httpMethod"], pattern=pattern, doc=doc, api=api))
        found.methods.sort(key=lambda one: one.pattern.pattern.count("(?P"))  # a literal path wins over a pattern
        return found

    def find(self, verb: str, path: str) -> tuple[Method, dict[str, str]] | None:
        """Find the method behind a path, with the path's own parameters."""
        for method in self.methods:
            if method.verb == verb and (match := method.pattern.fullmatch(path)):
                return method, {name: unquote(value) for name, value in match.groupdict().items()}
        return None


def _methods(resource: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield from resource.get("methods", {}).values()
    for below in resource.get("resources", {}).values():
        yield from _methods(below)


def query_faults(method: Method, query: Mapping[str, list[str]]) -> list[str]:
    """Name what is wrong with the query of a request."""
    found = []
    for name, values in query.items():
        known = method.parameter(name)
        if known is None:
            found.append(f"{method.id}: unknown parameter {name}")
            continue
        if len(values) > 1 and not known.get("repeated"):
            found.append(f"{method.id}: {name} is given {len(values)} times")
        for value in values:
            found += [f"{method.id}: {name}: {fault}" for fault in _text_faults(known, value)]
    wanted = [name for name, one in method.doc.get("parameters", {}).items() if one.get("required") and one["location"] == "query"]
    return found + [f"{method.id}: {name} is missing" for name in wanted if name not in query]


def _text_faults(known: Mapping[str, Any], value: str) -> Iterator[str]:
    if known["type"] == "boolean" and value not in ("true", "false"):
        yield f"{value!r} is no boolean"
    if known["type"] == "integer":
        if not re.fullmatch(r"-?\d+", value):
            yield f"{value!r} is no number"
        elif not int(known.get("minimum", "-1")) <= int(value) <= int(known.get("maximum", "99999999999")):
            yield f"{value} is out of range"
    if "enum" in known and value not in known["enum"]:
        yield f"{value!r} is none of {known['enum']}"
    yield from _format_faults(known, value)


def faults(api: Mapping[str, Any], schema: Mapping[str, Any], value: object, where: str) -> list[str]:  # noqa: PLR0911 - one for each type
    """Name what is wrong with a value: unknown fields, wrong types, formats and words."""
    if "$ref" in schema:
        return faults(api, api["schemas"][schema["$ref"]], value, where)
    match schema.get("type"):  # type: ignore[exhaustive-match]  # what has no type is free
        case "object":
            return _object_faults(api, schema, value, where)
        case "array":
            if not isinstance(value, list):
                return [f"{where} is no list"]
            return [one for at, each in enumerate(value) for one in faults(api, schema["items"], each, f"{where}[{at}]")]
        case "string":
            if not isinstance(value, str):
                return [f"{where} is no string: {value!r}"]
            words = schema.get("enum", [value])
            unknown = [] if value in words else [f"{where}: {value!r} is none of {words}"]
            return unknown + [f"{where}: {one}" for one in _format_faults(schema, value)]
        case "boolean":
            return [] if isinstance(value, bool) else [f"{where} is no boolean: {value!r}"]
        case "integer":
            return [] if isinstance(value, int) and not isinstance(value, bool) else [f"{where} is no integer: {value!r}"]
    return []


def _object_faults(api: Mapping[str, Any], schema: Mapping[str, Any], value: object, where: str) -> list[str]:
    if not isinstance(value, dict):
        return [f"{where} is no object"]
    known = schema.get("properties", {})
    rest = schema.get("additionalProperties")
    found = []
    for name, each in value.items():
        if name in known or rest is not None:
            found += faults(api, known.get(name, rest), each, f"{where}.{name}")
        else:
            found.append(f"{where}.{name} is unknown")
    return found


def _format_faults(schema: Mapping[str, Any], value: str) -> Iterator[str]:
    match schema.get("format"):  # type: ignore[exhaustive-match]  # other formats are not checked
        case "int64" if not re.fullmatch(r"-?\d+", value):
            yield f"{value!r} is no int64"
        case "uint64" if not re.fullmatch(r"\d+", value) or int(value) >= 1 << 64:
            yield f"{value!r} is no uint64"
        case "date-time":
            try:
                if datetime.fromisoformat(value).tzinfo is None and schema.get("location") == "query":
                    yield f"{value!r} has no offset"
            except ValueError:
                yield f"{value!r} is no date-time"
        case "date":
            try:
                date.fromisoformat(value)
            except ValueError:
                yield f"{value!r} is no date"


def missing(method: Method, body: Mapping[str, Any]) -> list[str]:
    """Name the fields this method wants in its request and does not find there."""
    schema = method.schema("request")
    if not schema:
        return []
    known = method.api["schemas"][schema["$ref"]].get("properties", {})
    return [
        f"{method.id}: {name} is missing"
        for name, one in known.items()
        if method.id in one.get("annotations", {}).get("required", ()) and name not in body
    ]


def parse_fields(text: str) -> Tree:
    """Parse a partial-response selector: `a,b/c,items(id,d/e)`. Raises BadFields."""
    tree, rest = _parse(text)
    if rest:
        raise BadFields(text)
    return tree


def _parse(text: str) -> tuple[Tree, str]:
    tree: Tree = {}
    while True:
        name = re.match(r"[\w*]+", text)
        if name is None:
            raise BadFields(text)
        text = text[name.end() :]
        below = tree.setdefault(name[0], {})
        if text.startswith("/"):
            step = re.match(r"/([\w/]+)", text)
            if step is None:
                raise BadFields(text)
            for part in step[1].split("/"):
                below = below.setdefault(part, {})
            text = text[step.end() :]
        if text.startswith("("):
            inner, text = _parse(text[1:])
            if not text.startswith(")"):
                raise BadFields(text)
            below.update(inner)
            text = text[1:]
        if not text.startswith(","):
            return tree, text
        text = text[1:]


def select(api: Mapping[str, Any], schema: Mapping[str, Any], tree: Tree, value: Any) -> Any:  # noqa: ANN401 - JSON
    """Keep of an answer what was asked for. Raises BadFields for what no answer has."""
    if "$ref" in schema:
        schema = api["schemas"][schema["$ref"]]
    if not tree or "*" in tree:
        return value
    if schema.get("type") == "array":
        _ = select(api, schema["items"], tree, {})
        return [select(api, schema["items"], tree, each) for each in value or ()]
    known, rest = schema.get("properties", {}), schema.get("additionalProperties")
    for name in tree:
        if name not in known and rest is None:
            raise BadFields(name)
        select(api, known.get(name, rest), tree[name], {} if known.get(name, rest).get("type") != "array" else [])
    return {name: select(api, known.get(name, rest), below, value[name]) for name, below in tree.items() if name in value}
