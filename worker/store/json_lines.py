"""JSON as the store writes it: one line, keys in order, and the encoder made once, for a mailbox has a million of these."""

from __future__ import annotations

import json
import json.encoder
from collections.abc import Callable
from typing import Any

_quoted: Callable[[str], str] = vars(json.encoder)["encode_basestring"]


def _made() -> Callable[[object], str]:
    """Make the encoder: the standard library makes the half of it that is in C anew for every text."""
    whole = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    make: Any = getattr(json.encoder, "c_make_encoder", None)
    if make is None:
        return whole.encode
    pieces: Any = make(None, whole.default, _quoted, None, ":", ",", True, False, True)  # noqa: FBT003 - it takes no names
    return lambda value: "".join(pieces(value, 0))


encode = _made()
_scan: Any = vars(json.JSONDecoder())["scan_once"]


def decode(text: str) -> Any:  # noqa: ANN401 - JSON
    """Read JSON as `encode` writes it; anything around it takes longer."""
    try:
        value, end = _scan(text, 0)
    except StopIteration:
        return json.loads(text)
    return value if end == len(text) else json.loads(text)
