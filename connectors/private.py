"""Files and folders only their owner may read: what is written of people lies in no others."""

from __future__ import annotations

import os
from pathlib import Path


def folder(path: Path) -> None:
    """Make a folder (0700), with those above it that are missing; one that is there stays as its owner has it."""
    if not path.is_dir():
        folder(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)


def opener(path: str, flags: int) -> int:
    """Open a file as `open(..., opener=)` asks for it: one that is new is 0600 from its first moment."""
    return os.open(path, flags, 0o600)


def write(path: Path, content: bytes) -> Path:
    """Write a new file (0600) that outlasts a power cut, and return it. Raises FileExistsError."""
    with open(path, "xb", opener=opener) as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    return path
