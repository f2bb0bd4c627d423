"""The secrets of the accounts: sealed in the database, or read where the owner keeps them; never in a repr, log or error."""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from pathlib import Path

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import delete, insert, select

from connectors.port import AuthorizationExpired, Unavailable
from worker.heartbeat import LASTING, beating
from worker.secret_sources import SecretMissingError, Source
from worker.store import leases
from worker.store.mapping import micros
from worker.store.store import Store
from worker.store.tables import secret

KEY_BYTES = 32
_VERSION = b"\x01"
_ID_BYTES, _NONCE_BYTES = 8, 12
_PATIENCE, _STEP = LASTING.total_seconds() + 10, 0.05
"""Seconds: who crashes in the middle of a token refresh blocks the others for no longer than they are ready to wait."""


class WrongKey(AuthorizationExpired):
    """The key does not open what is sealed in the database."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """The key that seals secrets (AES-256-GCM, NIST SP 800-38D); shows neither in repr nor in errors."""

    raw: bytes = field(repr=False)
    """32 bytes."""

    @classmethod
    def read(cls, source: Source, environ: Mapping[str, str] = os.environ) -> MasterKey:
        """Read it: 32 bytes in base64. Raises SecretMissingError."""
        remedy = "`rekindle init` makes a key; without the old one, accounts are connected again."
        try:
            text = source.read(environ)
        except SecretMissingError as missing:
            raise SecretMissingError(f"The key that seals secrets is missing: {missing}", remedy=remedy) from None
        try:
            raw = base64.b64decode(text.strip().replace("-", "+").replace("_", "/"), validate=True)
        except (binascii.Error, ValueError):
            raw = b""
        if len(raw) != KEY_BYTES:
            raise SecretMissingError(
                f"{source.key} does not lead to a key: it is to be {KEY_BYTES} bytes in base64.", remedy=remedy
            )
        return cls(raw)

    @property
    def id(self) -> bytes:
        """Name the key without telling it: sealed secrets carry this, so that a wrong key is told from a damaged row."""
        return hashlib.sha256(b"rekindle master key id\0" + self.raw).digest()[:_ID_BYTES]

    def seal(self, text: str, *, account: str, name: str) -> bytes:
        """Encrypt: version, key id, nonce, ciphertext with tag. Account and name are bound to it."""
        nonce = os.urandom(_NONCE_BYTES)
        return _VERSION + self.id + nonce + AESGCM(self.raw).encrypt(nonce, text.encode(), _bound(account, name))

    def unseal(self, sealed: bytes, *, account: str, name: str) -> str:
        """Decrypt. Raises WrongKey with what to do."""
        version, key_id, rest = sealed[:1], sealed[1 : 1 + _ID_BYTES], sealed[1 + _ID_BYTES :]
        if version != _VERSION or key_id != self.id:
            raise WrongKey(
                f"The secrets of {account} were sealed with another key than the one in use.",
                remedy=f"Put the old key back where [secrets] leads to, or sign in again: rekindle connect, account {account}.",
            )
        try:
            return AESGCM(self.raw).decrypt(rest[:_NONCE_BYTES], rest[_NONCE_BYTES:], _bound(account, name)).decode()
        except (InvalidTag, ValueError):
            raise WrongKey(
                f"The {name} of {account} in the database is damaged or belongs to another account.",
                remedy=f"Restore a backup, or sign in again: rekindle connect, account {account}.",
            ) from None


def make_key(path: Path) -> bool:
    """Write a new key into a file only this user may read (0600); False and nothing written where there is one already."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        with os.fdopen(os.open(unfinished, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(base64.b64encode(os.urandom(KEY_BYTES)) + b"\n")
            file.flush()
            os.fsync(file.fileno())
        os.link(unfinished, path)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink(missing_ok=True)
    return True


class Credentials:
    """The secrets of all accounts in one store. Safe to share between threads."""

    def __init__(self, store: Store, key: Source, clock: Callable[[], datetime]) -> None:
        """Take where the key comes from; it is read when the first sealed secret is needed."""
        self._store = store
        self._source = key
        self._clock = clock

    def of(self, account: str, sources: Mapping[str, Source]) -> AccountSecrets:
        """Return the secrets of one account (`<owner>/<account>`); `sources` are those kept outside the database."""
        return AccountSecrets(self, account, dict(sources))

    @cached_property
    def key(self) -> MasterKey:
        """The key. Raises SecretMissingError."""
        return MasterKey.read(self._source)

    def sealed(self, account: str, name: str) -> bytes | None:
        """Return a secret as it lies in the database."""
        with self._store.read() as connection:
            row = connection.execute(select(secret.c.sealed).where(secret.c.account == account, secret.c.name == name))
            return row.scalar_one_or_none()

    def keep(self, account: str, name: str, sealed: bytes) -> None:
        """Replace a secret in the database."""
        with self._store.write() as connection:
            connection.execute(delete(secret).where(secret.c.account == account, secret.c.name == name))
            row = {"account": account, "name": name, "sealed": sealed, "updated_at": micros(self._clock())}
            connection.execute(insert(secret), [row])

    def erase(self, account: str) -> int:
        """Remove every secret of an account from the database; says how many."""
        with self._store.write() as connection:
            return connection.execute(delete(secret).where(secret.c.account == account)).rowcount

    @contextmanager
    def locked(self, account: str) -> Iterator[None]:
        """Hold the account's lock over all processes. Raises Unavailable when another keeps it for as long as we are ready to wait."""
        held = self._lock(f"secrets:{account}")
        try:
            with beating(self._store, lambda db, at: leases.renew(db, held, at, LASTING), self._clock()):
                yield
        finally:
            with self._store.write() as connection:
                leases.release(connection, held)

    def _lock(self, name: str) -> leases.Lease:
        holder, deadline, pause = uuid.uuid4().hex, time.monotonic() + _PATIENCE, threading.Event()
        while True:
            with self._store.write() as connection:
                if held := leases.acquire(connection, name, holder, self._clock(), LASTING):
                    return held
            if time.monotonic() > deadline:
                raise Unavailable("Another process is renewing this account's sign-in.", remedy="It is tried again by itself.")
            pause.wait(_STEP)


class AccountSecrets:
    """The secrets of one account: what `connectors.account.Secrets` promises."""

    def __init__(self, credentials: Credentials, account: str, sources: Mapping[str, Source]) -> None:
        self._credentials = credentials
        self._account = account
        self._sources = sources

    def __repr__(self) -> str:
        return f"AccountSecrets({self._account!r})"

    def get(self, name: str) -> str | None:
        """Return the secret, or None where there is none. Raises AuthorizationExpired where it cannot be read."""
        try:
            if source := self._sources.get(name):
                return source.read()
            if (sealed := self._credentials.sealed(self._account, name)) is None:
                return None
            return self._credentials.key.unseal(sealed, account=self._account, name=name)
        except SecretMissingError as missing:
            raise AuthorizationExpired(str(missing), remedy=missing.remedy) from missing

    def put(self, name: str, value: str) -> None:
        """Seal and store the secret. Raises ValueError for one the owner keeps elsewhere, AuthorizationExpired without a key."""
        if name in self._sources:
            raise ValueError(f"The {name} of {self._account} is kept where {self._sources[name].key} leads to.")
        try:
            sealed = self._credentials.key.seal(value, account=self._account, name=name)
        except SecretMissingError as missing:
            raise AuthorizationExpired(str(missing), remedy=missing.remedy) from missing
        self._credentials.keep(self._account, name, sealed)

    def exclusive(self) -> AbstractContextManager[None]:
        """Lock the account's secrets over all processes; read them again inside."""
        return self._credentials.locked(self._account)


def _bound(account: str, name: str) -> bytes:
    """Write account and name so that no two pairs read the same."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (b"rekindle", account.encode(), name.encode()))
