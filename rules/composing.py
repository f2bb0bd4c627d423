"""Make the thing itself: a complete draft or hold for a case, with its words, its evidence and its times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from rules.addresses import match_key, organisation
from rules.case import Case, live_address, previous_meeting, ref_of
from rules.circles import circle_of
from rules.facts import Address
from rules.gaps import wanted
from rules.inviting import ANNOUNCEMENT, LATEST, announcement_key
from rules.keys import key, message_id
from rules.network import Mail
from rules.rule import Rule
from rules.slots import Slot
from rules.suggestions import Action, Draft, Evidence, Hold, Invite, Key, Suggestion
from rules.threads import bare, thread_for
from rules.wording import Word, Wording, one_line
from rules.words import called, words_for
from rules.workdays import after_workdays, local_day, next_inside, span_of, zone_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A rule that holds for a person, or for several guests of one meeting at one organisation; not yet planned."""

    rule: Rule
    cases: tuple[Case, ...]
    """The first is whom it is for."""

    @property
    def case(self) -> Case:
        """Return the case of whom it is for."""
        return self.cases[0]


def organisation_of(case: Case) -> str:
    """Return the organisation a draft would go to; a free-mail address is one of its own."""
    address = address_of(case)
    return "" if address is None else organisation(match_key(address.email)) or match_key(address.email)


def address_of(case: Case) -> Address | None:
    """Return where mail to the person goes: where the meeting had them, else their preferred address."""
    guest = case.guest
    return live_address(case.relation, guest.address if guest else None)


def due_at(candidate: Candidate) -> datetime:
    """Return when a draft appears: after its delay, inside its hours, never in the past."""
    case, timing = candidate.case, candidate.rule.timing
    return next_inside(case.view.network.owner, max(case.at + timing.delay, case.view.now), timing.hours)


def drafted(candidate: Candidate, wording: Wording, *, variant: int) -> Suggestion:
    """Write the draft."""
    rule, cases, case = candidate.rule, candidate.cases, candidate.case
    owner = case.view.network.owner
    template, language = template_of(rule, case, wording, case.relation.person.language)
    mail = thread_for(cases, case.meeting) if case.meeting else case.mail
    words = words_for(cases, wording, language)
    written = wording.draft(
        template,
        language,
        words,
        variant=variant,
        signature=owner.signature or owner.full_name,
        signature_html=owner.signature_html,
    )
    to = tuple(_clean(address) for one in cases if (address := address_of(one)) is not None)
    sender, name = _sender(case, mail), _key_of(candidate, match_key(to[0].email))
    at = due_at(candidate)
    draft = Draft(
        key=name,
        message_id=message_id(name, sender.email.rpartition("@")[2]),
        from_=sender,
        to=to,
        subject=f"Re: {bare(mail.subject)}" if mail is not None else written.subject,
        text=written.text,
        html=written.html,
        date=at,
        in_reply_to=mail.message_id if mail else "",
        references=(*mail.references, mail.message_id) if mail else (),
        thread_id=mail.thread_id if mail else "",
    )
    return _suggestion(candidate, draft, _why(candidate, wording), due=at, expires=_expires(candidate, at))


def held(candidate: Candidate, wording: Wording, slot: Slot) -> Suggestion:
    """Write the hold."""
    rule, case = candidate.rule, candidate.case
    owner = case.view.network.owner
    template, language = template_of(rule, case, wording)
    words = dict(words_for(candidate.cases, wording, language))
    words["social"] = slot.social or ""
    words["why"] = why = wording.why(template, language, words)
    titled = wording.hold(template, language, words)
    name = _key_of(candidate, next(iter(case.relation.person.addresses), case.relation.person.id))
    hold = Hold(
        key=name,
        title=titled.title,
        description=titled.description,
        start=slot.start,
        end=slot.end,
        is_tentative=owner.is_hold_tentative,
        social=slot.social,
        name=case.relation.person.name,
    )
    return _suggestion(candidate, hold, why, due=None, expires=None)


def invited(candidate: Candidate, wording: Wording, slot: Slot, goes_out: datetime | None) -> Suggestion:
    """Write the invite; `goes_out` is when it does so unless the owner touches the hold that says so, None = they are asked.

    The guest reads the template alone: no why, nothing of what is known of them.
    """
    case, owner = candidate.case, candidate.case.view.network.owner
    guest = address_of(case)
    assert guest is not None  # noqa: S101 -- rules.gates has refused whoever cannot be reached
    template, language = template_of(candidate.rule, case, wording, case.relation.person.language)
    words = {**words_for([case], wording, language), "social": slot.social or "", "owner": owner.full_name or owner.name}
    titled = wording.invite(template, language, words)
    invite = Invite(
        key=_key_of(candidate, next(iter(case.relation.person.addresses), case.relation.person.id)),
        title=titled.title,
        description=titled.description,
        start=slot.start,
        end=slot.end,
        organizer=_sender(case, None),
        attendees=(_clean(guest),),
        social=slot.social,
    )
    expires = slot.start if goes_out is None else goes_out + LATEST
    made = _suggestion(candidate, invite, _why(candidate, wording), due=goes_out, expires=expires)
    return made if goes_out is None else replace(made, announcement=_announced(made, invite, case, wording, goes_out))


def _announced(made: Suggestion, invite: Invite, case: Case, wording: Wording, goes_out: datetime) -> Hold:
    """Write the hold that tells the owner of an invite, at the time it is for."""
    owner = case.view.network.owner
    language = wording.language(ANNOUNCEMENT, owner.language)
    words: dict[str, Word] = {
        "name": called(case.relation),
        "title": invite.title,
        "why": made.why,
        "day": wording.day(language, local_day(owner, goes_out)),
        "time": f"{goes_out.astimezone(zone_of(owner)):%H:%M}",
    }
    titled = wording.hold(ANNOUNCEMENT, language, words)
    name = announcement_key(owner.name, made.key, made.address)
    return Hold(
        key=name,
        title=titled.title,
        description=titled.description,
        start=invite.start,
        end=invite.end,
        is_tentative=owner.is_hold_tentative,
        name=case.relation.person.name,
    )


def template_of(rule: Rule, case: Case, wording: Wording, *wanted: str) -> tuple[str, str]:
    """Return the template for a case, of the person's circle where there is one, and its language: wanted, else the owner's."""
    language = wording.language(rule.template, *wanted, case.view.network.owner.language)
    return wording.special(rule.template, circle_of(case.relation), language), language


def _why(candidate: Candidate, wording: Wording) -> str:
    """Write the why in the owner's language."""
    template, language = template_of(candidate.rule, candidate.case, wording)
    return wording.why(template, language, words_for(candidate.cases, wording, language))


def _key_of(candidate: Candidate, address: str) -> Key:
    case = candidate.case
    return key(case.view.network.owner.name, candidate.rule.name, case.cause, address)


def _suggestion(candidate: Candidate, action: Action, why: str, *, due: datetime | None, expires: datetime | None) -> Suggestion:
    case, rule = candidate.case, candidate.rule
    address = match_key(action.to[0].email) if isinstance(action, Draft) else next(iter(case.relation.person.addresses), "")
    return Suggestion(
        key=action.key,
        rule=rule.name,
        cause=case.cause,
        person_id=case.relation.person.id,
        address=address or case.relation.person.id,
        action=action,
        why=why,
        evidence=tuple(dict.fromkeys(fact for one in candidate.cases for fact in evidence(one))),
        due_at=due,
        expires_at=expires,
        companions=tuple(one.relation.person.id for one in candidate.cases[1:]),
    )


def _expires(candidate: Candidate, at: datetime) -> datetime:
    """Return the end of the last working day a draft is kept."""
    owner = candidate.case.view.network.owner
    day = after_workdays(owner, local_day(owner, at), candidate.rule.timing.keep_working_days)
    return max(span_of(owner, day, owner.hours)[1], at + timedelta(days=1))


def _sender(case: Case, mail: Mail | None) -> Address:
    """Return the owner's address the other side knows: of the thread, else of the meeting, else the default one."""
    owner = case.view.network.owner
    own = {match_key(address.email): address for address in owner.addresses}
    guests = (match_key(guest.address.email) for guest in (case.meeting.guests if case.meeting else ()))
    known = [match_key(mail.to_alias)] if mail is not None and mail.to_alias else []
    found = next((own[address] for address in (*known, *guests) if address in own), None) or next(iter(owner.addresses), None)
    if found is None:
        return Address(email="", name="")
    return Address(email=found.email, name=one_line(owner.full_name or found.name))


def _clean(address: Address) -> Address:
    return Address(email=one_line(address.email), name=one_line(address.name))


def evidence(case: Case) -> tuple[Evidence, ...]:
    """List the facts behind a case in the owner's words, each with the id by which it can be looked up."""
    found: list[Evidence] = []
    relation, meeting, mail = case.relation, case.meeting, case.mail
    if meeting is not None:
        told = f": {meeting.evidence}" if meeting.evidence else ""
        found.append(Evidence(text=f"a meeting of {meeting.size}{told}", ref=ref_of(meeting), at=meeting.end))
        before = previous_meeting(relation, meeting)
        found.append(Evidence(text="the meeting before that" if before else "no earlier meeting", at=before))
    if mail is not None:
        found.append(Evidence(text=f"a mail {_among(mail)}", ref=f"message:{mail.message_id}", at=mail.at))
    if case.promise is not None:
        found.append(Evidence(text=f"your promise: {one_line(case.promise.text)}", at=case.promise.due_at))
    if case.trip is not None:
        found.append(Evidence(text=f"your calendar: {one_line(case.trip.title)}", ref=f"event:{case.trip.uid}", at=case.trip.start))
    return (*found, *_last_contacts(case))


def _among(mail: Mail) -> str:
    """Say who wrote to how many, and whether it was an answer: what a mail is worth as a contact."""
    more = "alone" if mail.recipients <= 1 else f"and {mail.recipients - 1} more"
    match mail:
        case Mail(direction="out"):
            way = f"to them {more}"
        case Mail(is_copy=True):
            way = "from them, with you in copy"
        case Mail(recipients=number, others=others) if number > len(others) + 1:
            way = "from them to a group"
        case _:
            way = f"from them to you {more}"
    return f"{way}, an answer" if mail.in_reply_to else way


def _last_contacts(case: Case) -> Sequence[Evidence]:
    relation = case.relation
    if case.meeting is not None or case.mail is not None or relation.last_at is None:
        return ()
    last_meeting, last_mail = next(iter(relation.meetings), None), next(iter(relation.mails), None)
    found = [Evidence(text="the last time you were in touch", at=relation.last_at)]
    if last_meeting is not None and last_meeting.end == relation.last_at:
        found = [Evidence(text="your last meeting", ref=ref_of(last_meeting), at=last_meeting.end)]
    elif last_mail is not None and last_mail.at == relation.last_at:
        found = [Evidence(text=f"your last mail, {_among(last_mail)}", ref=f"message:{last_mail.message_id}", at=last_mail.at)]
    if relation.person.cadence is not None:
        found.append(Evidence(text=f"you want to be in touch {wanted(relation.person.cadence)}"))
    return found
