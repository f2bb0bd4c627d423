"""One batched call that answers what an idle look asks: who, which folders and calendars, and whether anything changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from connectors.microsoft.graph import Graph, Json
from connectors.microsoft.oversize import TOO_LARGE

ME: Final = "me?$select=mail,displayName,otherMails,userPrincipalName"
CALENDARS: Final = "me/calendars?$select=id,name,isDefaultCalendar,canEdit"
FOLDERS: Final = "me/mailFolders/delta?$select=id,displayName,totalItemCount,unreadItemCount"
NEWEST: Final = "me/messages?$top=1&$orderby=lastModifiedDateTime%20desc&$select=id,lastModifiedDateTime"
ROLES: Mapping[str, str] = {
    "inbox": "\\Inbox",
    "sentitems": "\\Sent",
    "drafts": "\\Drafts",
    "deleteditems": "\\Trash",
    "junkemail": "\\Junk",
    "archive": "\\Archive",
    **dict.fromkeys(("outbox", "conversationhistory", "syncissues", "recoverableitemsdeletions", "searchfolders"), "hidden"),
}
"""Graph's well-known folders, whatever the owner's language calls them."""
WELL_KNOWN: Mapping[str, str] = {f"me/mailFolders/{name}?$select=id": role for name, role in ROLES.items()}


LASTING: Final = frozenset({ME, *WELL_KNOWN})
"""What stays as it is for as long as a connection is kept, once it is there: an archive can be made, a mailbox made ready."""


class Glance:
    """What was answered beforehand, each answer used once, and what lasts; what was not is asked when it is wanted."""

    def __init__(self, reader: Graph) -> None:
        self._reader = reader
        self._links: Mapping[str, Sequence[str]] | None = None
        self._answers: dict[str, Json] = {}
        self._lasting: dict[str, Json] = {}

    def expect(self, links: Mapping[str, Sequence[str]]) -> None:
        """Have the next question asked together with all others, and with these links of calendars and what they prefer."""
        self._links, self._answers = links, {}

    def ask(self, *paths: str, what: str) -> Mapping[str, Json]:
        """Return the answers to these paths, in one batch with whatever else is expected; what is missing is left out."""
        links, self._links = self._links, None
        if links is not None:
            self._answers = self._asked((ME, CALENDARS, FOLDERS, NEWEST, *WELL_KNOWN, *links), "looking round", links)
        elif not any(one in self._answers for one in paths):
            self._answers |= self._asked(paths, what, {})
        return {one: found for one in paths if (found := self.known(one))}

    def get(self, path: str, what: str) -> Json:
        """Return the answer to a path, asked by itself where it was not answered beforehand."""
        expected = self.ask(path, what=what) if self._links is not None else {}
        return expected.get(path) or self.known(path) or self._reader.get(path, what)

    def known(self, path: str) -> Json | None:
        """Return what was answered beforehand to a path or link."""
        return self._answers.pop(path, None) or self._lasting.get(path)

    def _asked(self, paths: Sequence[str], what: str, prefer: Mapping[str, Sequence[str]]) -> dict[str, Json]:
        wanted = [one for one in dict.fromkeys(paths) if one not in self._lasting]
        answered = self._reader.batch({one: one for one in wanted}, what, prefer=prefer, is_marking=True)
        found = {one: answer for one, answer in answered.items() if TOO_LARGE not in answer}  # to be asked by itself
        self._lasting |= {one: found.pop(one) for one in wanted if one in LASTING and one in found}
        return found
