"""How many cores there are for us: fewer than the machine has where a process is bound to some, or its container is given a share."""

from __future__ import annotations

import os
from pathlib import Path

GROUP = Path("/sys/fs/cgroup")


def cores(group: Path = GROUP) -> int:
    """Count the whole cores we may use, at least one; `group` is where Linux shows the limits of a container (cgroup v2, cpu.max)."""
    seen = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        quota, period = (group / "cpu.max").read_text(encoding="ascii").split()
        return max(1, min(seen, int(quota) // int(period)))
    except (OSError, ValueError, ZeroDivisionError):  # none is shown, or it is "max": no limit
        return seen
