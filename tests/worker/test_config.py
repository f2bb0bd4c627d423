"""Settings: everything wrong is said at once, with its key and the nearest known one; what is right comes out typed."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import date, time, timedelta
from importlib import import_module
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.facts import Address
from rules.rulebook import Caps, Limits, Rule, Rulebook, Timing
from worker.config import Config, ConfigError, Problem, load, owner_of, rulebook_for
from worker.config_accounts import PROVIDERS
from worker.config_places import default_config
from worker.config_values import cadence, span, workdays
from worker.settings import Table

ANA = """
[owners.ana]
name = "Ana Silva"
addresses = ["ana@firm.example"]
zone = "Europe/Lisbon"
"""
Write = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _quiet_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith(("REKINDLE_", "XDG_"))]:
        monkeypatch.delenv(name)


@pytest.fixture
def write(tmp_path: Path) -> Write:
    """Write a config.toml."""

    def write(text: str) -> Path:
        file = tmp_path / "config.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def problems(file: Path) -> dict[str, Problem]:
    """Load what cannot be loaded; the problems by key."""
    with pytest.raises(ConfigError) as caught:
        load(file)
    assert all(problem.file in {str(file), "the environment"} for problem in caught.value.problems)
    return {problem.key: problem for problem in caught.value.problems}


def test_twenty_four_months_are_kept_as_long_as_where_nothing_is_said(write: Write) -> None:
    said = load(write(f'{ANA}retention = "24 months"\n')).owners["ana"].retention
    assert said == load(write(ANA)).owners["ana"].retention == cadence("2 years")


def test_the_least_config_has_sensible_values_for_all_else(write: Write) -> None:
    file = write(ANA)
    config = load(file)
    assert config.store.url == f"sqlite:///{file.parent / 'rekindle.db'}"
    assert config.secrets.key.where == (str(file.parent / "master.key"),)
    assert (config.broker.url, config.web.host, config.web.enabled) == ("memory:", "127.0.0.1", True)
    owner = owner_of(config, "ana")
    assert owner.addresses == (Address(email="ana@firm.example", name="Ana Silva"),)
    assert (owner.hours, owner.workdays) == ((time(9), time(18)), frozenset({0, 1, 2, 3, 4}))
    assert owner.domains == {"firm.example"}
    assert owner.signature == "Ana Silva"


def test_both_signatures_reach_the_rules(write: Write) -> None:
    owner = owner_of(load(write(ANA + 'signature = "Ana"\nsignature_html = "<b>Ana</b>"\n')), "ana")
    assert (owner.signature, owner.signature_html) == ("Ana", "<b>Ana</b>")


def test_every_problem_is_said_at_once_each_with_its_key_and_the_nearest_known(write: Write) -> None:
    found = problems(
        write("""
[owners.ana]
adresses = ["ana@firm.example"]
zone = "Berlin"
hours = "18:00-9"
workdays = "mon-fry"
holidays = "DE-XX"
never.domain = ["clinic.example"]
[[owners.ana.people]]
addresses = ["ines at partner.example"]
cadence = "soon"
[owners.ana.caps]
holds_per_weak = 2
notice_days = "two"
[owners.ana.modes]
thank_you = "revue"
[owners.ana.accounts.work]
provider = "imapp"
[owners.ana.accounts.archive]
provider = "files"
mial = "x.mbox"
[store]
url = "mysql://db.example/x"
[brokr]
[web]
port = 99999
""")
    )
    assert {key: problem.nearest for key, problem in found.items()} == {
        "owners.ana.adresses": "addresses",
        "owners.ana.addresses": "",
        "owners.ana.zone": "Europe/Berlin",
        "owners.ana.hours": "",
        "owners.ana.workdays": "fri",
        "owners.ana.holidays": found["owners.ana.holidays"].nearest,
        "owners.ana.never.domain": "domains",
        "owners.ana.people[0].addresses[0]": "",
        "owners.ana.people[0].cadence": "",
        "owners.ana.caps.holds_per_weak": "holds_per_week",
        "owners.ana.caps.notice_days": "",
        "owners.ana.modes.thank_you": "review",
        "owners.ana.accounts.work.provider": "imap",
        "owners.ana.accounts.archive.mial": "mail",
        "store.url": "",
        "brokr": "broker",
        "web.port": "",
    }
    assert found["owners.ana.holidays"].nearest.startswith("DE-")
    assert str(found["brokr"]).endswith("brokr: This key is not known. Did you mean 'broker'?")


PLACES_OF_LANGUAGES = {
    "language": 'language = "fr"\n',
    "languages.acme.example": 'languages = { "acme.example" = "fr" }\n',
    "circles.mentor.language": '[owners.ana.circles.mentor]\nlanguage = "fr"\n',
    "people[0].language": '[[owners.ana.people]]\naddresses = ["eva@acme.example"]\nlanguage = "fr"\n',
}


@pytest.mark.parametrize("place", PLACES_OF_LANGUAGES)
def test_a_language_without_templates_is_refused_wherever_it_is_named(write: Write, tmp_path: Path, place: str) -> None:
    said = ANA + PLACES_OF_LANGUAGES[place]
    found = problems(write(said))
    assert list(found) == [f"owners.ana.{place}"]
    assert "no templates in 'fr', only in de, en;" in found[f"owners.ana.{place}"].message
    (tmp_path / "own" / "fr").mkdir(parents=True)
    assert list(problems(write(f'{said}[rules]\ntemplates = "own"\n'))) == [f"owners.ana.{place}"], "a folder alone is no language"
    (tmp_path / "own" / "fr" / "words.toml").write_text("")
    load(write(f'{said}[rules]\ntemplates = "own"\n'))


@pytest.mark.parametrize(("said", "near"), [("den", "en"), ("de-CH", ""), ("en-GB", "")])
def test_a_language_is_known_in_every_region_and_else_answered_with_the_nearest(write: Write, said: str, near: str) -> None:
    file = write(f'{ANA}language = "{said}"\n')
    if near:
        assert problems(file)["owners.ana.language"].nearest == near
    else:
        load(file)


@pytest.mark.parametrize(
    ("zone", "nearest"),
    [
        ("Europe/Berln", "Europe/Berlin"),
        ("europe/berlin ", "Europe/Berlin"),
        ("new york", "America/New_York"),
        ("Tokyo", "Asia/Tokyo"),
    ],
)
def test_an_unknown_zone_is_answered_with_the_nearest(write: Write, zone: str, nearest: str) -> None:
    assert problems(write(ANA.replace("Europe/Lisbon", zone)))["owners.ana.zone"].nearest == nearest


@pytest.mark.parametrize("zone", ["../../etc/passwd", "/etc/localtime", "", "\\u0000"])
def test_a_zone_that_is_a_path_is_no_zone(write: Write, zone: str) -> None:
    assert "owners.ana.zone" in problems(write(ANA.replace("Europe/Lisbon", zone)))


def test_a_file_that_is_no_toml_says_where_it_breaks(write: Write) -> None:
    assert "line 2" in problems(write("[owners.ana]\nname = \n"))[""].message


def test_a_file_that_is_not_there_says_how_to_get_one(tmp_path: Path) -> None:
    assert "rekindle init" in problems(tmp_path / "none.toml")[""].message


def test_a_file_that_is_not_text_is_a_problem_and_no_traceback(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_bytes(b"name = '\xff\xfe'")
    assert "UTF-8" in problems(tmp_path / "config.toml")[""].message
    assert "cannot be read" in problems(tmp_path)[""].message


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    (tmp_path / "config.toml").write_text("\ufeff" + ANA, encoding="utf-8")
    assert "ana" in load(tmp_path / "config.toml").owners


@pytest.mark.parametrize(
    "text", ["owners = 3", "[owners]\nana = 3", "[owners.ana]\naccounts = 3", "store = []", "secrets = 1", "rules = 'x'"]
)
def test_a_value_where_a_table_is_wanted_is_a_problem_and_no_traceback(write: Write, text: str) -> None:
    assert problems(write(text))


def test_a_config_without_owners_says_so(write: Write) -> None:
    assert "owners" in problems(write("[web]\nport = 1\n"))


def test_a_secret_in_the_file_is_refused_and_not_repeated(write: Write) -> None:
    found = problems(
        write(ANA + '[owners.ana.accounts.work]\nprovider = "imap"\nimap = "imaps://mail.example"\npassword = "hunter2"\n')
    )
    complaint = str(found["owners.ana.accounts.work.password"])
    assert "password_file" in complaint
    assert "hunter2" not in complaint


def test_secrets_lead_to_their_sources(write: Write, tmp_path: Path) -> None:
    config = load(
        write(
            ANA
            + """
[owners.ana.accounts.work]
provider = "imap"
imap = "imaps://mail.example"
password_command = ["pass", "show", "mail"]
[owners.ana.accounts.home]
provider = "caldav"
caldav = "https://dav.example"
password_file = "secrets/dav"
caldav_password_env = "DAV"
"""
        )
    )
    accounts = config.owners["ana"].accounts
    assert accounts["work"].secrets["password"].where == ("pass", "show", "mail")
    assert accounts["home"].secrets["password"].where == (str(tmp_path / "secrets" / "dav"),)
    assert accounts["home"].secrets["caldav_password"].kind == "env"
    assert accounts["work"].settings == {"imap": "imaps://mail.example"}


@pytest.mark.parametrize(
    "line", ['password_command = "pass show"', "password_env = 3", 'password_credential = "../x"', "imap = 1.5"]
)
def test_a_source_of_the_wrong_kind_is_named(write: Write, line: str) -> None:
    file = write(ANA + f'[owners.ana.accounts.work]\nprovider = "imap"\n{line}\n')
    assert list(problems(file)) == [f"owners.ana.accounts.work.{line.split(maxsplit=1)[0]}"]


@pytest.mark.parametrize("provider", ["files", "imap", "caldav", "google", "microsoft"])
def test_every_setting_of_a_provider_of_the_wrong_kind_is_named_at_once_with_what_to_write(write: Write, provider: str) -> None:
    package = import_module(PROVIDERS[provider])
    assert package.KINDS.keys() <= package.SETTINGS.keys()
    wrong = {"text": ("5", "true", '["y"]'), "texts": ("5", "true", "[5]"), "number": ('"5"', "true", "0"), "switch": ("1", '"no"')}
    right = {"text": '"y"', "texts": '["y", "z"]', "number": "5", "switch": "false"}
    kinds = {key: package.KINDS.get(key, "text") for key in package.SETTINGS}
    for attempt in range(3):
        lines = {key: wrong[kind][attempt % len(wrong[kind])] for key, kind in kinds.items()}
        found = problems(write(_account(provider, lines)))
        assert found.keys() == {f"owners.ana.accounts.a.{key}" for key in package.SETTINGS}
        assert all(f"{key.rpartition('.')[2]} = " in problem.message for key, problem in found.items())
    settings = (
        load(write(_account(provider, {key: right[kind] for key, kind in kinds.items()}))).owners["ana"].accounts["a"].settings
    )
    assert settings.keys() == package.SETTINGS.keys()


def _account(provider: str, lines: Mapping[str, str]) -> str:
    """Write an account with these keys."""
    return "\n".join(
        [ANA, "[owners.ana.accounts.a]", f'provider = "{provider}"', *(f"{key} = {text}" for key, text in lines.items())]
    )


def test_paths_of_an_account_start_at_the_folder_of_the_file(write: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ana")
    config = load(write(ANA + '[owners.ana.accounts.a]\nprovider = "files"\nmail = ["mail", "~/x.mbox", "/srv/y"]\nout = "out"\n'))
    settings = config.owners["ana"].accounts["a"].settings
    assert settings["mail"] == (str(tmp_path / "mail"), "/home/ana/x.mbox", "/srv/y")
    assert settings["out"] == str(tmp_path / "out")


@pytest.mark.parametrize("package", ["connectors.not_yet_there", "connectors.port"])
def test_a_provider_of_a_later_version_is_named(write: Write, monkeypatch: pytest.MonkeyPatch, package: str) -> None:
    monkeypatch.setattr("worker.config_accounts.PROVIDERS", {"google": package})
    found = problems(write(ANA + '[owners.ana.accounts.g]\nprovider = "google"\n'))
    assert "cannot connect to google yet" in found["owners.ana.accounts.g.provider"].message


def test_an_address_stands_only_once(write: Write) -> None:
    text = ANA + '[[owners.ana.people]]\naddresses = ["Ana@Firm.example"]\n' + ANA.replace("owners.ana", "owners.ben")
    found = problems(write(text))
    assert "the owner's own" in found["owners.ana.people[0].addresses[0]"].message
    assert "owners.ana.addresses[0]" in found["owners.ben.addresses[0]"].message


def test_free_mail_is_no_organisation(write: Write) -> None:
    assert "owners.ana.domains[0]" in problems(write(ANA + 'domains = ["gmail.com"]\n'))
    assert owner_of(load(write(ANA.replace("ana@firm.example", "ana@gmail.com"))), "ana").domains == frozenset()


def test_names_that_would_break_an_id_are_refused(write: Write) -> None:
    assert "owners.a/b" in problems(write(ANA.replace("owners.ana", 'owners."a/b"')))


def test_holidays_of_the_country_and_its_region_are_no_working_days(write: Write) -> None:
    owner = owner_of(load(write(ANA + 'holidays = "de-by"\n')), "ana", years=[2026])
    assert date(2026, 1, 6) in owner.holidays
    assert date(2026, 1, 6) not in owner_of(load(write(ANA + 'holidays = "DE-BE"\n')), "ana", years=[2026]).holidays


def test_the_environment_wins_over_the_file(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REKINDLE_STORE_URL", "postgresql://u:pw@db.example/r")
    monkeypatch.setenv("REKINDLE_WEB_PORT", "9000")
    config = load(write(ANA + '[store]\nurl = "sqlite:///x.db"\n'))
    assert config.store.url == "postgresql+psycopg://u:pw@db.example/r"
    assert config.web.port == 9000


def test_a_mistake_in_the_environment_names_the_variable(write: Write, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REKINDLE_WEB_PORT", "many")
    monkeypatch.setenv("REKINDLE_STORE_URL", "mysql://x")
    assert "REKINDLE_WEB_PORT" in problems(write(ANA))
    monkeypatch.delenv("REKINDLE_WEB_PORT")
    assert "REKINDLE_STORE_URL" in problems(write(ANA))


def test_urls_can_be_kept_out_of_the_file_and_show_in_no_repr(write: Write, tmp_path: Path) -> None:
    (tmp_path / "url").write_text("postgresql://u:hunter2@db.example/r\n")
    config = load(write(ANA + '[store]\nurl_file = "url"\n[broker]\nurl = "redis://:hunter2@r.example/0"\n'))
    assert config.store.url.endswith("u:hunter2@db.example/r")
    assert "hunter2" not in repr(config)


def test_two_ways_to_one_url_are_one_too_many(write: Write) -> None:
    found = problems(write(ANA + '[store]\nurl = "sqlite:///x.db"\nurl_env = "X"\n'))
    assert "only one of" in found["store.url"].message


def test_the_default_place_follows_xdg(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    assert default_config({"HOME": "/home/ana"}) == Path("/home/ana/.config/rekindle/config.toml")
    assert default_config({"XDG_CONFIG_HOME": "/etc", "HOME": "/x"}) == Path("/etc/rekindle/config.toml")
    assert default_config({"REKINDLE_CONFIG": "/srv/r.toml"}) == Path("/srv/r.toml")
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    (tmp_path / "config" / "rekindle").mkdir(parents=True)
    (tmp_path / "config" / "rekindle" / "config.toml").write_text(ANA)
    assert load().store.url == f"sqlite:///{tmp_path}/state/rekindle/rekindle.db"


def test_caps_and_modes_go_over_the_rulebook(write: Write) -> None:
    book = Rulebook(
        rules=(
            Rule(
                name="thank_you",
                trigger="meeting_held",
                action="draft",
                template="t",
                caps=Caps(per_person=timedelta(90), per_week=3),
            ),
            Rule(name="check_in", trigger="lapsing", action="hold", template="c", timing=Timing(minutes=25)),
        ),
        limits=Limits(holds_per_day=1, holds_per_week=2),
    )
    caps = "[owners.ana.caps]\nholds_per_week = 0\nnotice_days = 4\nthank_yous_per_week = 1\n"
    mine = rulebook_for(load(write(ANA + caps + '[owners.ana.modes]\ncheck_in = "off"\n')), "ana", book)
    thanks, check_in = mine.rules
    assert (mine.limits.holds_per_day, mine.limits.holds_per_week) == (1, 0)
    assert (thanks.caps, thanks.timing.notice, thanks.mode) == (Caps(per_person=timedelta(90), per_week=1), 2, "create")
    assert (check_in.timing, check_in.mode) == (Timing(minutes=25, notice=4), "off")
    assert rulebook_for(load(write(ANA)), "ana", book) == book


def test_holds_are_tentative_where_the_owner_says_so(write: Write) -> None:
    assert owner_of(load(write(ANA)), "ana").is_hold_tentative is False
    assert owner_of(load(write(ANA + "[owners.ana.holds]\nis_tentative = true\n")), "ana").is_hold_tentative is True
    wrong = problems(write(ANA + '[owners.ana.holds]\nis_tentative = "yes"\n'))
    assert list(wrong) == ["owners.ana.holds.is_tentative"]


def test_a_mode_for_a_rule_there_is_not_is_named(write: Write) -> None:
    config = load(write(ANA + '[owners.ana.modes]\nthankyou = "off"\n'))
    book = Rulebook(rules=(Rule(name="thank_you", trigger="meeting_held", action="draft", template="t"),))
    with pytest.raises(ConfigError) as caught:
        rulebook_for(config, "ana", book)
    assert caught.value.problems[0].key == "owners.ana.modes.thankyou"
    assert caught.value.problems[0].nearest == "thank_you"


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 23), st.integers(0, 59))
def test_every_span_of_the_day_is_read_as_written(hour: int, minute: int, later: int, other: int) -> None:
    start, end = sorted([time(hour, minute), time(later, other)])
    if start == end:
        with pytest.raises(ValueError, match="ends before"):
            span(f"{start:%H:%M}-{end:%H:%M}")
    else:
        assert span(f"{start:%H:%M} - {end:%H:%M}") == (start, end)


def test_the_whole_day_ends_with_its_last_instant() -> None:
    assert span("00-24") == span("0:00-24:00") == (time.min, time.max)


def test_workdays_may_run_over_the_end_of_the_week() -> None:
    assert workdays("sun-thu") == {6, 0, 1, 2, 3}
    assert workdays(["mon", "Wednesday"]) == {0, 2}


@pytest.mark.parametrize(("text", "days"), [("10 days", 10), ("6 weeks", 42), ("6w", 42), ("1 month", 30), ("1 year", 365)])
def test_a_cadence_is_read_in_days_weeks_months(text: str, days: int) -> None:
    assert cadence(text) == timedelta(days=days)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=8), lambda inner: st.lists(inner, max_size=3), max_leaves=5
    )
)
def test_no_value_of_any_kind_ends_in_anything_but_a_problem(value: object) -> None:
    for key in ("zone", "hours", "workdays", "no_go", "addresses", "holidays", "never", "people", "accounts", "modes"):
        try:
            Config.model_validate({"file": "x", "secrets": {"key": None}, "owners": {"ana": {key: value}}})
        except ValueError:
            continue


def test_every_key_is_documented(root: Path) -> None:
    text = (root / "docs" / "config.md").read_text()
    missing = [f"{model.__name__}.{key}" for model in Table.__subclasses__() for key in _documented(model) if key not in text]
    assert not missing


@pytest.mark.parametrize("provider", PROVIDERS)
def test_every_key_and_secret_of_a_provider_is_documented(root: Path, provider: str) -> None:
    if not (root / PROVIDERS[provider].replace(".", "/") / "__init__.py").exists() and provider != "memory":
        pytest.skip(f"this version has no {provider}")
    package = import_module(PROVIDERS[provider])
    text = (root / "docs" / "config.md").read_text()
    assert [key for key in (*package.SETTINGS, *getattr(package, "SECRETS", {})) if f"`{key}" not in text] == []


def _documented(model: type[Table]) -> list[str]:
    """List what is to stand in the page, as it stands there; `file`, `settings` and `secrets` are no keys of the TOML."""
    ours = {"Config": {"file"}, "AccountSettings": {"settings", "secrets"}}.get(model.__name__, set())
    return [f"{key}_file" if key == "key" else key for key in model.model_fields if key not in ours]


def test_the_example_that_ships_loads_and_shows_every_section(root: Path) -> None:
    config = load(root / "deploy" / "config.example.toml")
    assert config.owners["ana"].people[0].cadence == timedelta(weeks=6)
    assert config.owners["ana"].accounts["archive"].provider == "files"
    text = (root / "deploy" / "config.example.toml").read_text()
    assert [
        section
        for section in ("[store]", "[broker]", "[web]", "[secrets]", ".never]", ".caps]", ".holds]", ".modes]")
        if section not in text
    ] == []
