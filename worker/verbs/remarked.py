"""What is to be said of a network that is empty, or of one that is not read any more, or most of whose mail is not the owner's."""

from __future__ import annotations

from worker.config import owner_of
from worker.reach import missing, reach, remedy, why_nobody
from worker.store.accounts import accounts
from worker.verbs.opened import Here


def remark(here: Here, *, has_people: bool) -> str:
    """Say why nobody is in the network, or that an address of the owner seems to be missing; "" where neither is so."""
    owner = owner_of(here.app.config, here.name)
    found = here.read(lambda connection: reach(connection, owner))
    if not has_people:
        return why_nobody(found, owner, here.app.config.file, here.settings.retention.days)
    if not any(each.state == "active" for each in here.read(lambda connection: accounts(connection, here.name))):
        return "No account is being read, so nobody is judged anew: `rekindle status` says why, `rekindle connect` adds one."
    return f"{missing(found, owner)} {remedy(owner, here.app.config.file)}" if found.is_missing else ""
