"""A Draft into the bytes of RFC 5322: what every mail connector saves."""

from __future__ import annotations

from rules.suggestions import Draft


def compose(draft: Draft) -> bytes:
    r"""Write the draft as a message: CRLF, headers 7-bit (RFC 2047), body UTF-8; the same draft gives the same bytes.

    Nothing in it shows a recipient where it came from: no Bcc, no X- field, Message-ID as given. Raises port.Rejected
    where a field would break out of its line (CR, LF, NUL), where an address is not one, or where nobody is addressed.
    """
    raise NotImplementedError
