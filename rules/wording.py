"""Turn a decision into words: subject and text of a draft, title and description of a hold, and the one-sentence why."""

from __future__ import annotations

import tomllib
import unicodedata
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from html import escape
from typing import Final

from jinja2 import StrictUndefined, Template, TemplateError, nodes
from jinja2.sandbox import ImmutableSandboxedEnvironment

from rules.phrases import Phrases, phrases_of
from rules.vocabulary import check_words

Word = str | int | bool | tuple[str, ...] | None

LONGEST_LINE: Final = 200
"""Characters of a subject or title."""
LONGEST_TEXT: Final = 8_000
"""Characters of a mail or description."""
LONGEST_TEMPLATE: Final = 8_000
LONGEST_WORD: Final = 400
"""Characters of what is filled in, the signature excepted."""
DEFAULT_LANGUAGE: Final = "en"
ACTIONS: Final = {"draft": "1", "hold": "hold", "invite": "invite"}
"""Which file of a template has the words of an action."""
HARMLESS = (
    nodes.Template, nodes.Output, nodes.TemplateData, nodes.Name, nodes.If, nodes.CondExpr, nodes.Compare, nodes.Operand,
    nodes.Const, nodes.Not, nodes.And, nodes.Or,
)  # fmt: skip
"""What a template may do: print words and choose between texts. No arithmetic, calls, filters, attributes or loops: no way
to grow a text without bound, nor to reach anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """A mail in words: one line of subject, plain text, and the same text as HTML."""

    subject: str
    text: str
    html: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Titled:
    """A calendar entry in words."""

    title: str
    description: str


class WordingError(Exception):
    """A template cannot be used; the message names it and says what to do."""


class Wording:
    """The templates of every language, compiled when first used; rendering is sandboxed, strict and capped in size."""

    def __init__(self, templates: Mapping[str, str], *, proven: Collection[str] = ()) -> None:
        """Take texts by name: `en/words.toml`, `en/thank_you.1.txt` (mail), `en/check_in.hold.txt`, `en/check_in.why.txt`.

        The first line is the subject or title, the rest after a blank line the text; a why is one line. All are checked at
        once but those named in `proven`, which are when first used. Raises WordingError naming every fault.
        """
        faults: list[str] = []
        self._phrases = _phrases(templates, faults)
        self._environment = _sandbox()
        self._templates = {name: text for name, text in templates.items() if name.endswith(".txt")}
        for name, text in self._templates.items():
            if name not in proven:
                _checked(self._environment, name, text, faults)
        self._compiled: dict[str, Template] = {}
        if DEFAULT_LANGUAGE not in self._phrases and not faults:
            faults.append(
                f"{DEFAULT_LANGUAGE}/words.toml is missing: every language needs its words, and English is the last resort"
            )
        if faults:
            raise WordingError("\n".join(faults))

    def names(self) -> Mapping[str, frozenset[str]]:
        """List the template names a rule may use, with the actions each has words for: a why and more, in English."""
        stems = {name.split("/", 1)[1] for name in self._templates if name.startswith(f"{DEFAULT_LANGUAGE}/")}
        explained = sorted(stem.removesuffix(".why.txt") for stem in stems if stem.endswith(".why.txt"))
        found = {name: frozenset(action for action, part in ACTIONS.items() if f"{name}.{part}.txt" in stems) for name in explained}
        return {name: actions for name, actions in found.items() if actions}

    def language(self, template: str, *wanted: str) -> str:
        """Return the first of the wanted languages the template is there in, else English. `de-AT` finds `de`."""
        for tag in wanted:
            plain = tag.replace("_", "-").split("-")[0].lower()
            if plain in self._phrases and f"{plain}/{template}.why.txt" in self._templates:
                return plain
        return DEFAULT_LANGUAGE

    def special(self, template: str, circle: str, language: str) -> str:
        """Return the name of the template for people of a circle, `check_in@mentor`, where there is one; else the template's own."""
        name = f"{template}@{circle}"
        return name if f"{language}/{name}.why.txt" in self._templates else template

    def variants(self, template: str, language: str) -> int:
        """Count the different mails there are for a template."""
        prefix = f"{language}/{template}."
        return sum(name.startswith(prefix) and name.removeprefix(prefix).split(".")[0].isdigit() for name in self._templates)

    def draft(
        self,
        template: str,
        language: str,
        words: Mapping[str, Word],
        *,
        variant: int = 0,
        signature: str = "",
        signature_html: str = "",
    ) -> Written:
        """Write a mail. `variant` counts from 0; the signatures are set below as they are."""
        subject, text = self._parts(f"{language}/{template}.{variant + 1}.txt", words)
        signed = f"{text}\n{signature_of(signature)}".rstrip() if signature else text
        html = f"{_html(text)}{signature_html}\n" if signature_html else _html(signed)
        return Written(subject=subject, text=f"{signed}\n", html=html)

    def hold(self, template: str, language: str, words: Mapping[str, Word]) -> Titled:
        """Write an entry for the owner's own calendar."""
        title, description = self._parts(f"{language}/{template}.hold.txt", words)
        return Titled(title=title, description=description)

    def invite(self, template: str, language: str, words: Mapping[str, Word]) -> Titled:
        """Write an invitation as its guest reads it."""
        title, description = self._parts(f"{language}/{template}.invite.txt", words)
        return Titled(title=title, description=description)

    def why(self, template: str, language: str, words: Mapping[str, Word]) -> str:
        """Write the sentence that explains it."""
        return one_line(self._rendered(f"{language}/{template}.why.txt", words))

    def day(self, language: str, day: date) -> str:
        """Write a day: "12 March"."""
        phrases = self._phrases[language]
        return _filled(phrases.day, day=str(day.day), month=phrases.months[day.month - 1])

    def since(self, language: str, day: date, today: date) -> str:
        """Write a month to look back to: "June", or "June 2025" where the bare name could mean another year."""
        phrases = self._phrases[language]
        month = phrases.months[day.month - 1]
        months = (today.year - day.year) * 12 + today.month - day.month
        return month if 0 < months < 10 else _filled(phrases.month_of_year, month=month, year=str(day.year))  # noqa: PLR2004 -- clearly this side of a year

    def span(self, language: str, months: int) -> str:
        """Write a number of months, at least two, as one says it: "fourteen months", "three years"."""
        phrases = self._phrases[language]
        if months == 12:  # noqa: PLR2004 -- a year
            return phrases.for_one_year
        if months < len(phrases.numbers):
            return _filled(phrases.for_months, number=phrases.numbers[months])
        years = min(months // 12, len(phrases.numbers) - 1)
        return _filled(phrases.for_years, number=phrases.numbers[years])

    def listed(self, language: str, names: Sequence[str]) -> str:
        """Write names one after another: "Anna, Ben and Cleo"."""
        if len(names) < 2:  # noqa: PLR2004 -- nothing to join
            return "".join(names)
        return f"{', '.join(names[:-1])} {self._phrases[language].and_} {names[-1]}"

    def _parts(self, name: str, words: Mapping[str, Word]) -> tuple[str, str]:
        first, _, rest = self._rendered(name, words).strip().partition("\n")
        return one_line(first), _tidied(rest)

    def _compile(self, name: str) -> Template:
        faults: list[str] = []
        tree = _checked(self._environment, name, self._templates[name], faults)
        if tree is None:
            raise WordingError("\n".join(faults))
        return self._environment.from_string(tree)

    def _rendered(self, name: str, words: Mapping[str, Word]) -> str:
        if name not in self._templates:
            raise WordingError(f"{name} is missing: put it into the folder of templates, or choose another template for the rule")
        if name not in self._compiled:
            self._compiled[name] = self._compile(name)
        clean = {key: one_line(word, LONGEST_WORD) if isinstance(word, str) else word for key, word in words.items()}
        try:
            return _capped(self._compiled[name].generate(clean), name)
        except TemplateError as fault:
            raise WordingError(f"{name}: {fault}") from fault


def one_line(text: str, longest: int = LONGEST_LINE) -> str:
    """Return text as one line without control or direction characters, cut to a length."""
    cut = text[: 4 * longest]
    seen = cut if cut.isprintable() else "".join(_visible(c) for c in cut)
    return " ".join(seen.split())[:longest].rstrip()


def signature_of(text: str) -> str:
    """Return a signature line by line, without anything invisible."""
    return "\n".join(one_line(line, LONGEST_WORD) for line in text.strip().splitlines()[:20])


def _filled(pattern: str, **parts: str) -> str:
    for name, part in parts.items():
        pattern = pattern.replace(f"{{{name}}}", part)
    return pattern


def _visible(char: str) -> str:
    """Return the character, a blank for any white space or control, nothing for what turns or hides text."""
    category = unicodedata.category(char)
    if category in {"Cf", "Cs", "Co", "Cn"} and char != "\u200d":
        return ""
    return " " if category in {"Cc", "Zs", "Zl", "Zp"} else char


def _phrases(templates: Mapping[str, str], faults: list[str]) -> Mapping[str, Phrases]:
    found: dict[str, Phrases] = {}
    for name, text in templates.items():
        language, _, file = name.partition("/")
        if file == "words.toml":
            try:
                found[language] = phrases_of(tomllib.loads(text))
            except (tomllib.TOMLDecodeError, ValueError) as fault:
                faults.append(f"{name}: {fault}")
    return found


def _sandbox() -> ImmutableSandboxedEnvironment:
    """Return an environment with nothing in it; text, not markup: _html escapes."""
    environment = ImmutableSandboxedEnvironment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)
    environment.globals.clear()
    return environment


def _checked(environment: ImmutableSandboxedEnvironment, name: str, text: str, faults: list[str]) -> nodes.Template | None:
    """Parse a template and note what is wrong with it."""
    try:
        found = _parsed(text, environment.parse)
        check_words(name, {node.name for node in found.find_all(nodes.Name)})
    except (TemplateError, ValueError) as fault:
        faults.append(f"{name}: {fault}")
        return None
    return found


def _parsed(text: str, parse: Callable[[str], nodes.Template]) -> nodes.Template:
    """Parse a template that does nothing but choose and print. Raises ValueError for any other."""
    if len(text) > LONGEST_TEMPLATE:
        raise ValueError(f"is longer than {LONGEST_TEMPLATE} characters")
    tree = parse(text)
    for node in (tree, *tree.find_all(nodes.Node)):
        if not isinstance(node, HARMLESS):
            raise ValueError(  # noqa: TRY004 -- collected with the other faults
                f"line {node.lineno}: a template may print words and choose with if; {type(node).__name__} is not allowed"
            )
    return tree


def _capped(parts: Iterator[str], name: str) -> str:
    """Join the parts of a text. Raises WordingError as soon as it grows too long."""
    found: list[str] = []
    length = 0
    for part in parts:
        length += len(part)
        if length > LONGEST_TEXT:
            raise WordingError(f"{name} makes a text of more than {LONGEST_TEXT} characters")
        found.append(part)
    return "".join(found)


def _tidied(text: str) -> str:
    """Return text without blanks at line ends and with at most one empty line in a row."""
    lines = [line.rstrip() for line in text.strip().splitlines()]
    kept = [line for n, line in enumerate(lines) if line or (n and lines[n - 1])]
    return "\n".join(kept)


def _html(text: str) -> str:
    paragraphs = (escape(paragraph).replace("\n", "<br>\n") for paragraph in text.split("\n\n"))
    return "".join(f"<p>{paragraph}</p>\n" for paragraph in paragraphs)
