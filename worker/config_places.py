"""Where things are when config.toml does not say: the file itself, the database, the key; and what a URL may look like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

FOLDER = "rekindle"
_STORES = {
    "postgresql": "postgresql+psycopg",
    "postgres": "postgresql+psycopg",
    "postgresql+psycopg": "postgresql+psycopg",
}
_BROKERS = ("redis", "rediss", "amqp", "amqps")


def default_config(environ: Mapping[str, str]) -> Path:
    """Say where config.toml is: $REKINDLE_CONFIG, else the XDG config folder."""
    if named := environ.get("REKINDLE_CONFIG"):
        return Path(named).expanduser().absolute()
    return _xdg(environ, "XDG_CONFIG_HOME", ".config") / FOLDER / "config.toml"


def state_folder(config: Path, environ: Mapping[str, str]) -> Path:
    """Say where database and key are kept: the XDG state folder, or beside a config.toml that lies elsewhere."""
    if config == _xdg(environ, "XDG_CONFIG_HOME", ".config") / FOLDER / "config.toml":
        return _xdg(environ, "XDG_STATE_HOME", ".local/state") / FOLDER
    return config.parent


def store_url(text: str, base: Path) -> str:
    """Complete a database URL for SQLAlchemy: relative SQLite files start at `base`. Raises ValueError."""
    scheme, separator, rest = text.partition(":")
    if scheme == "sqlite" and rest.startswith("///"):
        path = rest.removeprefix("///")
        if not path or path == ":memory:":
            raise ValueError("A database in memory would forget everything; name a file: sqlite:///rekindle.db.")
        return f"sqlite:///{(base / Path(path).expanduser()).absolute()}"
    if separator and scheme in _STORES and urlsplit(text).hostname:
        return f"{_STORES[scheme]}:{rest}"
    raise ValueError("This is to be sqlite:///FILE or postgresql://USER:PASSWORD@HOST/DATABASE.")


def broker_url(text: str) -> str:
    """Check a broker URL. Raises ValueError."""
    if text in ("memory", "memory:"):
        return "memory:"
    if urlsplit(text).scheme in _BROKERS and urlsplit(text).hostname:
        return text
    raise ValueError("This is to be memory:, redis://HOST:PORT/0 or amqp://USER:PASSWORD@HOST:PORT/.")


def _xdg(environ: Mapping[str, str], variable: str, default: str) -> Path:
    """Follow the XDG base directory specification: a relative path in the variable is ignored."""
    named = Path(environ.get(variable, ""))
    return named if named.is_absolute() else Path(environ.get("HOME") or Path.home()) / default
