"""The Graph types Rekindle touches, compact, and a check of every request and answer against them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

ENUMS: Mapping[str, frozenset[str]] = {
    "attendeeType": frozenset({"required", "optional", "resource"}),
    "bodyType": frozenset({"text", "html"}),
    "eventType": frozenset({"singleInstance", "occurrence", "exception", "seriesMaster"}),
    "freeBusyStatus": frozenset({"unknown", "free", "tentative", "busy", "oof", "workingElsewhere"}),
    "responseType": frozenset({"none", "organizer", "tentativelyAccepted", "accepted", "declined", "notResponded"}),
    "sensitivity": frozenset({"normal", "personal", "private", "confidential"}),
}
_ITEM = "id:String changeKey:String createdDateTime:DateTimeOffset lastModifiedDateTime:DateTimeOffset"
TYPES: Mapping[str, Mapping[str, str]] = {
    name: dict(part.split(":") for part in said.split())
    for name, said in {
        "emailAddress": "address:String name:String",
        "recipient": "emailAddress:emailAddress",
        "responseStatus": "response:responseType time:DateTimeOffset",
        "attendee": "emailAddress:emailAddress type:attendeeType status:responseStatus",
        "dateTimeTimeZone": "dateTime:String timeZone:String",
        "itemBody": "contentType:bodyType content:String",
        "internetMessageHeader": "name:String value:String",
        "location": "displayName:String",
        "user": "id:String mail:String displayName:String otherMails:[String] userPrincipalName:String",
        "mailFolder": "id:String displayName:String totalItemCount:Int32 unreadItemCount:Int32 parentFolderId:String",
        "calendar": "id:String name:String isDefaultCalendar:Boolean canEdit:Boolean",
        "message": f"{_ITEM} subject:String from:recipient sender:recipient replyTo:[recipient] toRecipients:[recipient] "
        "ccRecipients:[recipient] bccRecipients:[recipient] body:itemBody bodyPreview:String uniqueBody:itemBody "
        "conversationId:String internetMessageId:String internetMessageHeaders:[internetMessageHeader] isDraft:Boolean isRead:Boolean "
        "parentFolderId:String receivedDateTime:DateTimeOffset sentDateTime:DateTimeOffset",
        "event": f"{_ITEM} subject:String body:itemBody bodyPreview:String start:dateTimeTimeZone end:dateTimeTimeZone "
        "originalStart:DateTimeOffset originalStartTimeZone:String isAllDay:Boolean isCancelled:Boolean isOrganizer:Boolean "
        "isReminderOn:Boolean organizer:recipient attendees:[attendee] hideAttendees:Boolean allowNewTimeProposals:Boolean "
        "iCalUId:String seriesMasterId:String type:eventType showAs:freeBusyStatus sensitivity:sensitivity location:location "
        "transactionId:String responseStatus:responseStatus",
        "subscription": "id:String changeType:String notificationUrl:String lifecycleNotificationUrl:String resource:String "
        "expirationDateTime:DateTimeOffset clientState:String applicationId:String",
        "scheduleInformation": "scheduleId:String availabilityView:String error:freeBusyError scheduleItems:[scheduleItem]",
        "freeBusyError": "message:String responseCode:String",
        "scheduleItem": "start:dateTimeTimeZone end:dateTimeTimeZone status:freeBusyStatus subject:String isPrivate:Boolean",
        "schedules": "schedules:[String] startTime:dateTimeTimeZone endTime:dateTimeTimeZone availabilityViewInterval:Int32",
        "singleValueLegacyExtendedProperty": "id:String value:String",
        "fileAttachment": "name:String contentType:String contentBytes:Binary",
    }.items()
}
EXPANDED = {"singleValueExtendedProperties": "[singleValueLegacyExtendedProperty]", "attachments": "[fileAttachment]"}
"""Navigation that message and event carry in a write."""
LEFT_OUT = frozenset(
    {"schedules", "scheduleInformation", "freeBusyError", "scheduleItem", "singleValueLegacyExtendedProperty", "fileAttachment"}
)
"""Types the trimmed public description leaves out, and the parameters of an action, which are no type."""
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,7})?Z")
_KINDS = {"String": str, "Boolean": bool, "Int32": int, "Binary": str}


def wrong(name: str, given: object) -> Iterator[str]:
    """List what is wrong with an object of a type; members that begin with @ are OData's own."""
    if not isinstance(given, dict):
        yield f"{name}: {type(given).__name__} is no object"
        return
    known = {**TYPES[name], **(EXPANDED if name in {"message", "event"} else {})}
    for key, value in given.items():
        if key.startswith("@"):
            continue
        if key not in known:
            yield f"{name}.{key} is not known"
        elif value is not None:
            yield from _value(f"{name}.{key}", known[key], value)


def _value(where: str, kind: str, value: object) -> Iterator[str]:
    if kind.startswith("["):
        if not isinstance(value, list):
            yield f"{where} is no list"
            return
        for one in value:
            yield from _value(where, kind[1:-1], one)
    elif kind in ENUMS:
        if value not in ENUMS[kind]:
            yield f"{where} = {value!r} is none of {sorted(ENUMS[kind])}"
    elif kind == "DateTimeOffset":
        if not isinstance(value, str) or not _INSTANT.fullmatch(value):
            yield f"{where} = {value!r} is no instant"
    elif kind in _KINDS:
        if not isinstance(value, _KINDS[kind]) or (kind == "Int32" and isinstance(value, bool)):
            yield f"{where} = {value!r} is no {kind}"
    else:
        yield from wrong(kind, value)
