"""Which folder is which: localised names of Sent, Drafts, Junk, Trash and Inbox into the words of RFC 6154."""

from __future__ import annotations


def role_of(name: str) -> str:
    r"""Return `\Sent`, `\Drafts`, `\Junk`, `\Trash`, `\Archive`, `\All`, `\Inbox`, or "" for a folder name in any known language.

    Takes the whole path (`[Gmail]/Gesendet`, `INBOX.Sent Items`, `Sent.mbox`) decoded to Unicode; only its last part counts.
    """
    raise NotImplementedError
