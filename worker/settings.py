"""The settings: what config.toml may say, as frozen models. `worker.config.load` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, time, timedelta
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StrictBool, StringConstraints

from connectors.account import Setting
from rules.social import Social
from worker.config_values import (
    Addresses,
    Cadence,
    Country,
    DomainName,
    Domains,
    EMail,
    Language,
    Present,
    Span,
    Spans,
    WebAddress,
    Words,
    Workdays,
    Zone,
)
from worker.secret_sources import Source

Mode = Literal["create", "review", "off"]
Name = Annotated[str, StringConstraints(pattern=r"^[\w.@+-]+$", max_length=64)]
"""Names are part of ids such as `ana/work`: letters, digits and . _ - + @."""


class Table(BaseModel):
    """A table of the TOML: frozen, with no key but the known ones."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)


class Never(Table):
    """`[owners.NAME.never]`: what is left alone everywhere."""

    people: Addresses = ()
    """Addresses of persons nothing is ever made for."""
    domains: Domains = ()
    """Organisations nothing is ever made for."""
    titles: Words = ()
    """Words in a meeting's title that make Rekindle leave it alone."""


class KeyPerson(Table):
    """`[[owners.NAME.people]]`: someone the owner named."""

    addresses: Addresses = Field(min_length=1)
    """All addresses of the person."""
    name: str = ""
    """How the owner calls them."""
    cadence: Cadence | None = None
    """The gap the owner wants: "6 weeks", "10 days", "3 months"."""
    language: Language = ""
    """Language of mail to them: de."""
    circle: str = ""
    """operational, personal, strategic or a word of the owner's own."""


class CircleSettings(Table):
    """`[owners.NAME.circles.CIRCLE]`: what the owner wants for everybody in a circle."""

    cadence: Cadence | None = None
    """The gap the owner wants: "2 months"."""
    quota: int | None = Field(default=None, ge=0)
    """At most so many of them among the people of a month."""
    language: Language = ""
    """Language of mail to them."""


class Notify(Table):
    """`[owners.NAME.notify]`: who else may say that an account has paused, when no other account of the owner can."""

    desktop: bool = False
    """Whether to use this computer's desktop (notify-send)."""
    webhook: WebAddress = Field(default="", repr=False)
    """A web address that is sent `{"text": ...}` by POST."""


class Caps(Table):
    """`[owners.NAME.caps]`: how much at most; what is not said here, the rulebook says."""

    holds_per_week: int | None = Field(default=None, ge=0)
    """Holds in any seven days."""
    holds_per_day: int | None = Field(default=None, ge=0)
    """Holds on one day."""
    notice_days: int | None = Field(default=None, ge=0)
    """Working days between deciding and a hold."""
    thank_yous_per_week: int | None = Field(default=None, ge=0)
    """Thank-you drafts in any seven days."""
    thank_yous_per_day: int | None = Field(default=None, ge=0)
    """Thank-you drafts on one day."""


class HoldSettings(Table):
    """`[owners.NAME.holds]`: how holds stand in the calendar."""

    is_tentative: StrictBool = False
    """Whether others see the time as tentatively taken; otherwise it stays free to them."""


class SocialSettings(Table):
    """`[owners.NAME.social.KIND]`: time of a week set aside for people; KIND is one_to_one, group, coffee or lunch."""

    per_week: int = Field(default=1, ge=0, le=21)
    """Holds of this kind in a week at most."""
    hours: Spans = ()
    """Times of day they may lie in: "12:00-13:30", or several; left out, the kind's usual ones."""
    minutes: int | None = Field(default=None, ge=5, le=480)
    """How long each takes; left out, as long as its rule says, a lunch an hour."""


class MonthSettings(Table):
    """`[owners.NAME.month]`: how the people of the month are chosen."""

    size: int = Field(default=3, ge=2, le=4)
    """How many people a month."""
    quotas: Mapping[str, Annotated[int, Field(ge=0)]] = Field(default_factory=dict)
    """Circle -> at most so many of it: strategic = 2."""
    busy_months: tuple[Annotated[int, Field(ge=1, le=12)], ...] = ()
    """Months in which half is enough: [11, 12]."""
    transition: date | None = None
    """A change of job or role: ninety days from here lean to strategic ties."""


class AccountSettings(Table):
    """`[owners.NAME.accounts.ACCOUNT]`: one sign-in; what else it may hold, its provider says."""

    provider: str
    """files, imap, caldav, google, microsoft or memory."""
    settings: Mapping[str, Setting] = Field(default_factory=dict)
    """The provider's own keys; paths are absolute."""
    secrets: Mapping[str, Source] = Field(default_factory=dict)
    """Where its secrets are read from, by name: password_file, password_env, password_command, password_credential."""


class OwnerSettings(Table):
    """`[owners.NAME]`: the person a mailbox belongs to."""

    name: str = ""
    """The full name, as it stands in a From line."""
    addresses: Addresses = Field(min_length=1)
    """All addresses of the owner, the usual From first."""
    zone: Zone
    """IANA time zone: "Europe/Berlin"."""
    hours: Span = (time(9), time(18))
    """Working hours drafts and holds appear in; "00:00-24:00" is all day."""
    no_go: tuple[Span, ...] = ()
    """Times of day no hold is put on: ["12:00-13:00"]."""
    workdays: Workdays = frozenset({0, 1, 2, 3, 4})
    """Working days: "mon-fri", "sun-thu" or ["mon", "wed"]."""
    language: Language = "en"
    """Language of drafts: en, de, fr, ..."""
    signature: str = ""
    """Ends every draft; "" = the name alone."""
    signature_html: str = ""
    """The same for mail written in HTML."""
    domains: Domains | None = None
    """The owner's organisation; left out, the domains of the addresses, free mail excepted."""
    holidays: Country = ""
    """Country, or country and region, whose holidays count: "DE", "DE-BY"."""
    home: str = ""
    """The city the owner works in; left out, the one their zone is named for."""
    assistants: Mapping[EMail, EMail] = Field(default_factory=dict)
    """Who writes and books for whom: "pa@firm.example" = "boss@firm.example"."""
    retention: Cadence = timedelta(days=730)
    """How long messages and meetings are kept: "24 months"."""
    month: MonthSettings = MonthSettings()
    never: Never = Never()
    people: tuple[KeyPerson, ...] = ()
    circles: Mapping[str, CircleSettings] = Field(default_factory=dict)
    """What is wanted for operational, personal, strategic, or a circle of the owner's own."""
    languages: Mapping[DomainName, Language] = Field(default_factory=dict)
    """Language of mail to whole organisations: "acme.example" = "de"."""
    caps: Caps = Caps()
    holds: HoldSettings = HoldSettings()
    social: Mapping[Social, SocialSettings] = Field(default_factory=dict)
    """Times of a week for people; where one is set, holds to be in touch go into these only."""
    notify: Notify = Notify()
    modes: Mapping[str, Mode] = Field(default_factory=dict)
    """Mode per rule: thank_you = "review"."""
    accounts: Mapping[Name, AccountSettings] = Field(default_factory=dict)


class StoreSettings(Table):
    """`[store]`: where facts and suggestions are kept."""

    url: str = Field(default="", repr=False)
    """sqlite:///FILE or postgresql://...; left out, one SQLite file of its own."""


class BrokerSettings(Table):
    """`[broker]`: what carries the nudges."""

    url: str = Field(default="memory:", repr=False)
    """memory: (one process), redis://... or amqp://..."""


class WebSettings(Table):
    """`[web]`: health, metrics and provider notifications."""

    enabled: bool = True
    """Whether to listen at all."""
    host: str = "127.0.0.1"
    """The address to listen on."""
    port: int = Field(default=8640, ge=0, le=65535)
    """The port to listen on; 0 takes a free one."""


class SecretsSettings(Table):
    """`[secrets]`: where the key comes from that seals the secrets in the database."""

    key: Source
    """A file (key_file), a variable (key_env), a command (key_command) or a systemd credential (key_credential)."""


class RulesSettings(Table):
    """`[rules]`: the owner's own rulebook and templates."""

    file: Path | None = None
    """A rulebook that overrides the one shipped, rule by rule."""
    templates: Path | None = None
    """A folder of templates laid over those shipped, file by file; a folder in it is a language."""


class Config(Table):
    """Everything config.toml says."""

    file: Path
    """Where it was read from."""
    now: Present | None = None
    """Taken for the present time, for trying things out; None = the clock's."""
    owners: Mapping[Name, OwnerSettings] = Field(min_length=1)
    store: StoreSettings = StoreSettings()
    broker: BrokerSettings = BrokerSettings()
    web: WebSettings = WebSettings()
    secrets: SecretsSettings
    rules: RulesSettings = RulesSettings()
