"""Graph's mail: folders, messages, their deltas, drafts and what a filter finds."""

from __future__ import annotations

import re

from tests.simulators.microsoft.graph import Call, Route, shown
from tests.simulators.microsoft.log import Json
from tests.simulators.microsoft.problems import ProblemError
from tests.simulators.microsoft.wire import Answer

READ = ("Mail.ReadBasic", "Mail.Read", "Mail.ReadWrite")
WRITE = ("Mail.ReadWrite",)
HIDDEN = frozenset({"conversationhistory", "syncissues", "recoverableitemsdeletions", "searchfolders"})
"""Folders each mailbox has that no list tells of."""
_MARK = re.compile(r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']*)' and ep/value eq '([^']*)'\)")
_NAMED = re.compile(r"internetMessageId eq '(.*)'")
_EXPAND = re.compile(r"singleValueExtendedProperties\(\$filter=id eq '([^']*)'\)")


def me(call: Call) -> Answer:
    address = call.box.address
    whole: Json = {"id": "u-1", "mail": address, "displayName": "Ada Owner", "otherMails": [], "userPrincipalName": address}
    return Answer(status=200, said={key: value for key, value in whole.items() if not call.select or key in call.select})


def size(call: Call) -> int:
    found = re.search(r"odata\.maxpagesize=(\d+)", call.request.headers.get("Prefer", ""))
    return min(int(found[1]), 1000) if found else 10


def link(call: Call, token: str, *, is_more: bool) -> Json:
    """Return the link that goes on, as opaque as Graph's."""
    name = "nextLink" if is_more else "deltaLink"
    kind = "$skiptoken" if is_more else "$deltatoken"
    return {f"@odata.{name}": f"{call.root}{call.request.path.removeprefix('/v1.0/')}?{kind}={token}"}


def token_of(call: Call) -> str:
    return call.request.query.get("$skiptoken") or call.request.query.get("$deltatoken") or ""


def folders_delta(call: Call) -> Answer:
    post = call.box.post
    token = token_of(call) or post.log.begin(list(post.folders), {"select": ",".join(call.select)})
    select = post.log.options(token)["select"].split(",")
    items, after, is_more = post.log.page(
        token, 100, "folders", lambda id_: shown(post.counted(id_), [one for one in select if one])
    )
    return Answer(status=200, said={"value": items, **link(call, after, is_more=is_more)})


def folder(call: Call) -> Answer:
    id_ = call.box.post.folder_id(call.parts[0])
    if call.parts[0] in HIDDEN:
        return Answer(status=200, said={"id": f"AQMkAD-{id_}"})
    if id_ not in call.box.post.folders:
        raise ProblemError(404, "ErrorFolderNotFound")
    return Answer(status=200, said=shown(call.box.post.counted(id_), call.select))


def messages_delta(call: Call) -> Answer:
    post, where = call.box.post, call.box.post.folder_id(call.parts[0])
    if where not in post.folders:
        raise ProblemError(404, "ErrorItemNotFound")
    token = token_of(call)
    if not token:
        inside = [one for one in post.messages.values() if one["parentFolderId"] == where]
        newest = sorted(inside, key=lambda one: str(one["receivedDateTime"]), reverse=True)
        token = post.log.begin([one["id"] for one in newest], {"select": ",".join(call.select)})
    select = [one for one in post.log.options(token)["select"].split(",") if one and one != "internetMessageHeaders"]

    def as_told(id_: str) -> Json:
        message = post.messages.get(id_)
        if message is None or message["parentFolderId"] != where:
            return {"id": id_, "@removed": {"reason": "deleted" if message is None else "changed"}}
        return shown(message, select)

    items, after, is_more = post.log.page(token, size(call), where, as_told)
    return Answer(status=200, said={"value": items, **link(call, after, is_more=is_more)})


def folder_messages(call: Call) -> Answer:
    if call.request.query.get("$orderby") != "lastModifiedDateTime desc":
        raise ProblemError(501, "NotImplemented")
    where = call.box.post.folder_id(call.parts[0])
    inside = [one for one in call.box.post.messages.values() if one["parentFolderId"] == where]
    newest = sorted(inside, key=lambda one: str(one["lastModifiedDateTime"]), reverse=True)
    return Answer(status=200, said={"value": [shown(one, call.select) for one in newest[: int(call.request.query["$top"])]]})


def messages(call: Call) -> Answer:
    query, post = call.request.query, call.box.post
    if "$filter" not in query:
        if query.get("$orderby") != "lastModifiedDateTime desc":
            raise ProblemError(501, "NotImplemented")
        newest = sorted(post.messages.values(), key=lambda one: str(one["lastModifiedDateTime"]), reverse=True)
        return Answer(status=200, said={"value": [shown(one, call.select) for one in newest[: int(query.get("$top", "10"))]]})
    seen = [one for id_, one in post.messages.items() if post.seen_from[id_] <= post.now()]
    marked, named = _MARK.fullmatch(query["$filter"]), _NAMED.fullmatch(query["$filter"])
    if marked:
        if not call.grant.can(*WRITE):
            raise ProblemError(403, "ErrorAccessDenied")
        found = [one for one in seen if is_marked(post.marks.get(one["id"], []), marked[1], marked[2])]
    elif named:
        found = [one for one in seen if one["internetMessageId"] == named[1].replace("''", "'")]
    else:
        raise ProblemError(400, "ErrorInvalidUrlQueryFilter")
    return Answer(status=200, said={"value": [shown(one, call.select) for one in found]})


def is_marked(marks: list[Json], id_: str, value: str) -> bool:
    """Compare names with, and values without regard to case."""
    return any(one["id"] == id_ and one["value"].lower() == value.lower() for one in marks)


def _message(call: Call) -> Json:
    if call.parts[0] not in call.box.post.messages:
        raise ProblemError(404, "ErrorItemNotFound")
    return call.box.post.messages[call.parts[0]]


def message(call: Call) -> Answer:
    found = _message(call)
    given = {key: value for key, value in found.items() if key != "internetMessageHeaders" or (value and not found["isDraft"])}
    return Answer(status=200, said=shown(given, call.select) | expanded(call, call.box.post.marks.get(found["id"], []), "message"))


def expanded(call: Call, marks: list[Json], kind: str) -> Json:
    """Show the extended property that is asked for, to whom it is open; one that is not there is left out."""
    if "$expand" not in call.request.query:
        return {}
    asked = _EXPAND.fullmatch(call.request.query["$expand"])
    if asked is None:
        raise ProblemError(400, "ErrorInvalidUrlQuery")
    if not call.grant.reads_content(kind):
        raise ProblemError(403, "ErrorAccessDenied")
    found = [one for one in marks if one["id"] == asked[1]]
    return {"singleValueExtendedProperties": found} if found else {}


def create(call: Call) -> Answer:
    post, request = call.box.post, call.request
    if request.headers.get("Content-Type") == "text/plain":
        return Answer(status=201, said=shown(post.draft_from_mime(request.raw, call.box.lag), []))
    return Answer(status=201, said=shown(post.draft(request.json, call.box.lag), []))


def create_reply(call: Call) -> Answer:
    answered = _message(call)
    given = call.request.json
    if "comment" in given and "body" in given.get("message", {}):
        raise ProblemError(400, "ErrorInvalidRequest")
    return Answer(status=201, said=shown(call.box.post.reply(answered["id"], given.get("message", {}), call.box.lag), []))


def delete(call: Call) -> Answer:
    """Put it among the deleted; what is there already is gone for good."""
    found = _message(call)
    check_version(call, found)
    if found["parentFolderId"] == call.box.post.folder_id("deleteditems"):
        call.box.post.remove(found["id"])
    else:
        call.box.post.move(found["id"], "deleteditems")
    return Answer(status=204)


def check_version(call: Call, found: Json) -> None:
    wanted = call.request.headers.get("If-Match", "")
    if wanted and wanted != f'W/"{found["changeKey"]}"':
        raise ProblemError(412, "ErrorIrresolvableConflict")


ROUTES: list[Route] = [
    ("GET", "", me, "user", "", ("User.Read", "Mail.ReadBasic", "Mail.ReadWrite")),
    ("GET", "/mailFolders/delta", folders_delta, "[mailFolder]", "", READ),
    ("GET", "/mailFolders/([^/]+)", folder, "mailFolder", "", READ),
    ("GET", "/mailFolders/([^/]+)/messages/delta", messages_delta, "[message]", "", READ),
    ("GET", "/mailFolders/([^/]+)/messages", folder_messages, "[message]", "", READ),
    ("GET", "/messages", messages, "[message]", "", READ),
    ("POST", "/messages", create, "message", "message", WRITE),
    ("GET", "/messages/([^/]+)", message, "message", "", READ),
    ("POST", "/messages/([^/]+)/createReply", create_reply, "message", "reply", WRITE),
    ("DELETE", "/messages/([^/]+)", delete, "", "", WRITE),
]
