"""Reading the settings: config.toml and the environment into one Config, every problem at once, and what rules need of it."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import time
from pathlib import Path

from pydantic import ValidationError

from rules.addresses import is_freemail, match_key, organisation
from rules.facts import Address
from rules.month import Terms
from rules.network import Owner
from rules.people import OwnerKeys
from rules.rulebook import Rule, Rulebook
from rules.social import Social, SocialTime
from rules.wishes import Wishes
from worker.config_accounts import Reader
from worker.config_languages import without_templates
from worker.config_places import default_config
from worker.config_problems import ConfigError, Problem, nearest, problems_of
from worker.config_sections import prepare
from worker.days_off import days_off
from worker.settings import AccountSettings, Caps, Config, KeyPerson, Mode, OwnerSettings, SocialSettings

__all__ = ["AccountSettings", "Config", "ConfigError", "KeyPerson", "OwnerSettings", "Problem", "load", "owner_of", "rulebook_for"]

HOLIDAY_YEARS = range(2015, 2046)
Hours = tuple[tuple[time, time], ...]
USUAL: Mapping[Social, tuple[Hours, int | None]] = {
    "coffee": (((time(9, 30), time(11, 30)), (time(14, 30), time(16, 30))), None),
    "lunch": (((time(12), time(14)),), 60),
}
"""When coffee and lunch are had, and for how many minutes, where the owner does not say."""


def load(path: Path | None = None) -> Config:
    """Read config.toml (None = $REKINDLE_CONFIG, else the XDG config folder).

    Raises ConfigError with every problem there is: of the syntax, of single keys, between keys, of the environment.
    """
    file = path.expanduser().absolute() if path else default_config(os.environ)
    reader = Reader(file=str(file), base=file.parent)
    table = prepare(_parsed(file), reader)
    try:
        config = Config.model_validate(table)
    except ValidationError as error:
        known = {problem.key for problem in reader.problems}
        reader.problems += [problem for problem in problems_of(error, Config, str(file)) if problem.key not in known]
    else:
        reader.problems += _between(config)
        if not reader.problems:
            return config
    raise ConfigError(reader.problems)


def owner_of(config: Config, name: str, years: Iterable[int] = HOLIDAY_YEARS) -> Owner:
    """Describe an owner to the rules; holidays are named for `years`. Raises KeyError where there is no such owner."""
    settings = config.owners[name]
    return Owner(
        name=name,
        full_name=settings.name,
        addresses=tuple(Address(email=email, name=settings.name) for email in settings.addresses),
        domains=_domains_of(settings),
        zone=settings.zone,
        home=settings.home,
        language=settings.language,
        signature=settings.signature or settings.name,
        signature_html=settings.signature_html,
        hours=settings.hours,
        workdays=settings.workdays,
        holidays=days_off(settings.holidays, years) if settings.holidays else frozenset(),
        no_go=settings.no_go,
        social=tuple(_social(kind, times) for kind, times in settings.social.items()),
        wishes=_wishes(settings),
        is_hold_tentative=settings.holds.is_tentative,
        never_words=settings.never.titles,
        never_domains=frozenset(settings.never.domains),
    )


def _wishes(settings: OwnerSettings) -> Wishes:
    people = {match_key(email): one.language for one in settings.people for email in one.addresses if one.language}
    return Wishes(
        cadences={name: circle.cadence for name, circle in settings.circles.items() if circle.cadence},
        circle_languages={name: circle.language for name, circle in settings.circles.items() if circle.language},
        languages={**settings.languages, **people},
    )


def _social(kind: Social, said: SocialSettings) -> SocialTime:
    """Put in what is usual for a kind of time where the owner leaves it out."""
    hours, minutes = USUAL.get(kind, ((), None))
    return SocialTime(kind=kind, per_week=said.per_week, hours=said.hours or hours, minutes=said.minutes or minutes)


def keys_for(config: Config, name: str) -> OwnerKeys:
    """Say by which addresses an owner is known, and whose assistants write and book for whom."""
    owner = owner_of(config, name, years=())
    principals = {match_key(helper): match_key(principal) for helper, principal in config.owners[name].assistants.items()}
    keys = frozenset(match_key(each.email) for each in owner.addresses) - {""}
    return OwnerKeys(keys=keys, domains=owner.domains, principals=principals)


def terms_for(config: Config, name: str) -> Terms:
    """Say how an owner wants their months."""
    said = config.owners[name].month
    busy = frozenset(said.busy_months)
    circles = {circle: each.quota for circle, each in config.owners[name].circles.items() if each.quota is not None}
    return Terms(size=said.size, quotas={**circles, **said.quotas}, busy_months=busy, transition=said.transition)


def rulebook_for(config: Config, name: str, rulebook: Rulebook) -> Rulebook:
    """Put an owner's caps and modes over a rulebook. Raises ConfigError where a mode is for a rule that is not in it."""
    settings = config.owners[name]
    known = [rule.name for rule in rulebook.rules]
    if strangers := [rule for rule in settings.modes if rule not in known]:
        raise ConfigError(
            Problem(
                file=str(config.file),
                key=f"owners.{name}.modes.{rule}",
                message="There is no such rule.",
                nearest=nearest(rule, known),
            )
            for rule in strangers
        )
    holds = {"holds_per_day": settings.caps.holds_per_day, "holds_per_week": settings.caps.holds_per_week}
    return replace(
        rulebook,
        rules=tuple(_capped(rule, settings.caps, settings.modes) for rule in rulebook.rules),
        limits=replace(rulebook.limits, **{cap: most for cap, most in holds.items() if most is not None}),
    )


def _capped(rule: Rule, caps: Caps, modes: Mapping[str, Mode]) -> Rule:
    if rule.action == "hold" and caps.notice_days is not None:
        rule = replace(rule, timing=replace(rule.timing, notice=caps.notice_days))
    if rule.name == "thank_you":
        per_day = rule.caps.per_day if caps.thank_yous_per_day is None else caps.thank_yous_per_day
        per_week = rule.caps.per_week if caps.thank_yous_per_week is None else caps.thank_yous_per_week
        rule = replace(rule, caps=replace(rule.caps, per_day=per_day, per_week=per_week))
    return replace(rule, mode=modes.get(rule.name, rule.mode))


def _parsed(file: Path) -> dict[str, object]:
    try:
        return tomllib.loads(file.read_bytes().decode("utf-8-sig"))
    except FileNotFoundError:
        message = "There is no such file. `rekindle init` writes one; --config or REKINDLE_CONFIG names another."
    except OSError as error:
        message = f"It cannot be read: {error.strerror}."
    except UnicodeDecodeError as error:
        message = f"It is not UTF-8: byte {error.start + 1} cannot be read. Save it as UTF-8."
    except tomllib.TOMLDecodeError as error:
        message = f"It is not TOML: {error}."
    raise ConfigError([Problem(file=str(file), key="", message=message)])


def _between(config: Config) -> Iterator[Problem]:
    """Find what no key is wrong about by itself."""
    seen: dict[str, str] = {}
    for name, owner in config.owners.items():
        for index, email in enumerate(owner.addresses):
            key = f"owners.{name}.addresses[{index}]"
            if (other := seen.setdefault(match_key(email), key)) != key:
                yield Problem(file=str(config.file), key=key, message=f"{email} stands at {other} already.")
        for index, domain in enumerate(owner.domains or ()):
            if is_freemail(f"x@{domain}"):
                key = f"owners.{name}.domains[{index}]"
                yield Problem(file=str(config.file), key=key, message=f"{domain} is free mail: its users are no organisation.")
        yield from _people_of(config, name, owner)
    yield from without_templates(config)


def _people_of(config: Config, name: str, owner: OwnerSettings) -> Iterator[Problem]:
    mine = {match_key(email) for email in owner.addresses}
    seen: dict[str, str] = {}
    for index, person in enumerate(owner.people):
        for place, email in enumerate(person.addresses):
            key = f"owners.{name}.people[{index}].addresses[{place}]"
            if match_key(email) in mine:
                yield Problem(file=str(config.file), key=key, message=f"{email} is the owner's own.")
            elif (other := seen.setdefault(match_key(email), key)) != key:
                yield Problem(file=str(config.file), key=key, message=f"{email} stands at {other} already.")


def _domains_of(settings: OwnerSettings) -> frozenset[str]:
    if settings.domains is not None:
        return frozenset(settings.domains)
    keys = [match_key(email) for email in settings.addresses]
    return frozenset(organisation(key) for key in keys if not is_freemail(key))
