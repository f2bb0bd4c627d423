"""Headers as they may come, usual and not."""

from __future__ import annotations

from hypothesis import strategies as st

from connectors.mime import FIELDS

VALUES = (
    "Ada Owner <ada@own.example>", '"Muster, Bo" <Bo@Y.example>, eva@x.example', "=?utf-8?q?Zo=C3=AB?= <zoe@x.example>", "nobody", "",
    "a@x.example,\r\n\tb@x.example,\r\n c@x.example", "Mon, 16 Nov 2026 10:00:00 +0100", "Thu, 1 Jan 1970 00:00:00 +0000", "long ago",
    "<1@x.example>", "<1@x.example>\r\n <2@x.example>", "<>", " <2@x.example>  ", "3@x.example", "Re: Hello", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=",
    "Grüße", "a\rb", "a\r\n\r\n b", "a\0b", "auto-generated", "list", "text/calendar; method*0=REQ; method*1=UEST",
    "urn:content-classes:calendarmessage", "urn:content-classes:message", "\u200b",
)  # fmt: skip
USUAL = (("From", VALUES[0]), ("To", VALUES[1]), ("Date", VALUES[6]), ("Subject", "Hello"), ("Message-ID", "<1@x.example>"))


@st.composite
def headers(draw: st.DrawFn) -> bytes:
    spelled = st.sampled_from((*FIELDS, "X-Mailer")).flatmap(lambda name: st.sampled_from((name, name.lower(), name.upper())))
    more = draw(st.lists(st.tuples(spelled, st.sampled_from(VALUES)), max_size=8))
    fields = draw(st.permutations([*(USUAL if draw(st.booleans()) else ()), *more]))
    colon, end, rest = (
        draw(st.sampled_from(some)) for some in ((": ", ":", " :\t"), ("\r\n", "\n"), ("\r\n", "", "\r\nTo: eva@x.example\r\n"))
    )
    return ("".join(f"{name}{colon}{value}{end}" for name, value in fields) + rest).encode()


FITTING: dict[str, tuple[str, ...]] = {
    "From": (VALUES[0], "Bo Muster <Bo@Y.example>", "Bo via List <list@x.example>", "eva@x.example, bo@y.example", "nobody"),
    "To": (VALUES[0], VALUES[1], "list@x.example", "ada+promise@own.example", "zoe@x.example, eva@x.example, zoe@x.example"),
    "Cc": ("eva@x.example", "Ada <ada@own.example>, Bo <bo@y.example>", "zoe@x.example"),
    "Bcc": ("ada@own.example",),
    "Sender": ("zoe@x.example", "Bo <bo@y.example>", "nobody"),
    "Reply-To": ("Bo Muster <bo@y.example>", "list@x.example"),
    "Date": (VALUES[6], VALUES[7], VALUES[8], "Tue, 17 Nov 2026 10:00:60 -0000", "1 Nov 2026 10:00:00 GMT", "Mon, 16 Nov 2099 10:00:00 +0100"),
    "Subject": ("Hello", "Accepted: Review", "Invitation: Review @ Monday", "Re: a: b", "=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "a\0b", 'a"b\\c'),
    "Message-ID": ("<1@x.example>", "<2@x.example>", "<" + "9" * 300 + "@x.example>"),
    "In-Reply-To": ("<1@x.example>", "<1@x.example>\r\n <2@x.example>", "<>", "<" + "9" * 300 + "@x.example>"),
    "References": ("<1@x.example>", "<1@x.example>\r\n <2@x.example>", "<" + "9" * 300 + "@x.example>"),
    "List-Id": ("<list.x.example>", "News <news.x.example>"),
    "List-Post": ("<mailto:list@x.example>", "NO"),
    "List-Unsubscribe": ("<https://x.example/u/1>", "<https://x.example/u/2>", "nothing", " "),
    "Precedence": ("bulk", "list", "auto_reply"),
    "Auto-Submitted": ("auto-generated", "auto-replied", "no"),
    "X-Auto-Response-Suppress": ("All", "None"),
    "Return-Path": ("<>", "<b+1@x.example>", "<b+2@x.example>", "bo@y.example", " "),
    "Feedback-ID": ("1:a", "2:a", "-"),
    "Content-Type": (
        "text/plain", "text/html; charset=utf-8", "TEXT/PLAIN", "multipart/report; report-type=disposition-notification",
        "multipart/report; report-type=delivery-status", "text/calendar; method*0=REQ; method*1=UEST", "multipart/mixed; boundary*=utf-8''a%20b",
    ),
    "Content-Class": ("urn:content-classes:calendarmessage", "urn:content-classes:message"),
    "X-Autoreply": ("yes",),
    "X-Campaign": ("1",),
    "X-Loop": ("1",),
}  # fmt: skip
"""What each field may well say."""


@st.composite
def usual_headers(draw: st.DrawFn) -> bytes:
    """Draw a header that can be read as a letter, with some fields that change what it comes to."""
    fields = dict(USUAL) | draw(st.dictionaries(st.sampled_from(sorted(FITTING)), st.integers(0, 9), max_size=4).map(_fitting))
    return "".join(f"{name}: {value}\r\n" for name, value in fields.items()).encode() + b"\r\n"


def _fitting(chosen: dict[str, int]) -> dict[str, str]:
    return {name: FITTING[name][number % len(FITTING[name])] for name, number in chosen.items()}
