"""Graph's calendars: the list, the view that changes, events by id, and what a filter finds."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

from tests.simulators.microsoft.agenda import instant
from tests.simulators.microsoft.graph import Call, Route, shown
from tests.simulators.microsoft.log import Json
from tests.simulators.microsoft.mail_routes import check_version, expanded, is_marked, link, size, token_of
from tests.simulators.microsoft.problems import ProblemError
from tests.simulators.microsoft.wire import Answer

READ = ("Calendars.ReadBasic", "Calendars.Read", "Calendars.ReadWrite")
WRITE = ("Calendars.ReadWrite",)
_MARK = re.compile(r"singleValueExtendedProperties/Any\(ep: ep/id eq '([^']*)' and ep/value eq '([^']*)'\)")
_MADE = re.compile(r"createdDateTime ge (\S+Z)")


def calendars(call: Call) -> Answer:
    return Answer(status=200, said={"value": [shown(one, call.select) for one in call.box.agenda.calendars.values()]})


def view_delta(call: Call) -> Answer:
    agenda, query = call.box.agenda, call.request.query
    calendar = call.parts[0] if call.parts else agenda.main
    if calendar not in agenda.calendars:
        raise ProblemError(404, "ErrorItemNotFound")
    if {"$select", "$expand", "$filter", "$orderby", "$search"} & query.keys():
        raise ProblemError(400, "ErrorInvalidUrlQuery")
    token = token_of(call)
    if not token:
        window = [query["startDateTime"], query["endDateTime"]]
        ids = agenda.in_window(calendar, [datetime.fromisoformat(one) for one in window])
        token = agenda.log.begin(ids, {"start": window[0], "end": window[1]})
    options = agenda.log.options(token)
    window_at = [datetime.fromisoformat(options[name]) for name in ("start", "end")]
    items, after, is_more = agenda.log.page(
        token, size(call), calendar, lambda id_: shown(agenda.shown(id_, calendar, window_at), [])
    )
    return Answer(status=200, said={"value": items, **link(call, after, is_more=is_more)})


def _event(call: Call) -> Json:
    if call.parts[0] not in call.box.agenda.events:
        raise ProblemError(404, "ErrorItemNotFound")
    return call.box.agenda.events[call.parts[0]]


def event(call: Call) -> Answer:
    found = _event(call)
    return Answer(status=200, said=shown(found, call.select) | expanded(call, call.box.agenda.marks.get(found["id"], []), "event"))


def events(call: Call) -> Answer:
    agenda = call.box.agenda
    filter_ = call.request.query.get("$filter", "")
    inside = [one for id_, one in agenda.events.items() if not call.parts or agenda.homes[id_] == call.parts[0]]
    seen = [one for one in inside if one["type"] != "occurrence" and agenda.seen_from[one["id"]] <= agenda.now()]
    marked, made = _MARK.fullmatch(filter_), _MADE.fullmatch(filter_)
    if marked:
        found = [one for one in seen if is_marked(agenda.marks.get(one["id"], []), marked[1], marked[2])]
    elif made:
        since = datetime.fromisoformat(made[1])
        found = [one for one in seen if datetime.fromisoformat(one["createdDateTime"]) >= since]
    else:
        raise ProblemError(400, "ErrorInvalidUrlQueryFilter")
    return Answer(status=200, said={"value": [shown(one, call.select) for one in found]})


def create(call: Call) -> Answer:
    calendar = call.parts[0] if call.parts else call.box.agenda.main
    if calendar not in call.box.agenda.calendars:
        raise ProblemError(404, "ErrorItemNotFound")
    return Answer(status=201, said=shown(call.box.agenda.create(call.request.json, calendar, call.box.lag), []))


def schedules(call: Call) -> Answer:
    """Tell of each mailbox of the tenant when it is busy; of others, and where that is kept back, an error for each."""
    said, service = call.request.json, call.service
    if len(said["schedules"]) > 20:
        raise ProblemError(400, "ErrorTooManySchedules")
    start, end = instant(said["startTime"]), instant(said["endTime"])
    step = timedelta(minutes=said["availabilityViewInterval"])
    if end - start > timedelta(days=62):
        raise ProblemError(400, "ErrorTimeIntervalTooBig")
    value: list[Json] = []
    for address in said["schedules"]:
        if address not in service.boxes or address in service.kept_back:
            value.append({"scheduleId": address, "error": {"message": "…", "responseCode": "ErrorMailRecipientNotFound"}})
            continue
        events = [one for one in service.boxes[address].agenda.events.values() if one["type"] != "seriesMaster"]
        steps = [_shows(events, start + number * step, step) for number in range((end - start) // step)]
        items = [{"subject": one["subject"], "start": one["start"], "end": one["end"], "status": one["showAs"]} for one in events]
        value.append({"scheduleId": address, "availabilityView": "".join(steps), "scheduleItems": items})
    return Answer(status=200, said={"value": value})


def _shows(events: list[Json], at: datetime, step: timedelta) -> str:
    inside = [one["showAs"] for one in events if instant(one["start"]) < at + step and instant(one["end"]) > at]
    return str(max((("free", "tentative", "busy", "oof").index(one) for one in inside), default=0))


def delete(call: Call) -> Answer:
    found = _event(call)
    check_version(call, found)
    call.box.agenda.remove(found["id"])
    return Answer(status=204)


ROUTES: list[Route] = [
    ("GET", "/calendars", calendars, "[calendar]", "", READ),
    ("GET", "/calendars/([^/]+)/calendarView/delta", view_delta, "[event]", "", READ),
    ("GET", "/calendarView/delta", view_delta, "[event]", "", READ),
    ("GET", "/calendars/([^/]+)/events", events, "[event]", "", WRITE),
    ("POST", "/calendars/([^/]+)/events", create, "event", "event", WRITE),
    ("POST", "/calendar/getSchedule", schedules, "[scheduleInformation]", "schedules", READ),
    ("GET", "/events", events, "[event]", "", WRITE),
    ("POST", "/events", create, "event", "event", WRITE),
    ("GET", "/events/([^/]+)", event, "event", "", READ),
    ("DELETE", "/events/([^/]+)", delete, "", "", WRITE),
]
