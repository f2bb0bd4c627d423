"""A folder's role is known from its name, in the owner's language and whatever path it lies under."""

from __future__ import annotations

import pytest

from connectors.roles import role_of


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("Sent", "\\Sent"), ("INBOX.Sent Items", "\\Sent"), ("[Gmail]/Gesendet", "\\Sent"), ("[Google Mail]/Éléments envoyés", "\\Sent"),
        ("/home/ada/Takeout/Mail/Sent.mbox.gz", "\\Sent"), (".Sent", "\\Sent"), ("送信済みメール", "\\Sent"), ("Отправленные", "\\Sent"),
        ("[Gmail].Sent Mail", "\\Sent"), (".[Google Mail].Gesendet", "\\Sent"), ("[Gmail].Entwürfe", "\\Drafts"),
        ("Sent_Messages", "\\Sent"), ("E\u0301le\u0301ments envoye\u0301s", "\\Sent"),
        ("Entwürfe", "\\Drafts"), ("Brouillons", "\\Drafts"), ("Kopie robocze", "\\Drafts"),
        ("Junk E-mail", "\\Junk"), ("Spamverdacht", "\\Junk"), ("Papierkorb", "\\Trash"), ("Deleted Items", "\\Trash"), ("回收站", "\\Trash"),
        ("INBOX", "\\Inbox"), ("Posteingang", "\\Inbox"), ("All mail Including Spam and Trash.mbox", "\\All"), ("Archive", "\\Archive"),
        ("Projects", ""), ("", ""), ("Sent to Bob", ""), ("Consent", ""), ("Sent/2024", ""), ("...", ""),
    ],
)  # fmt: skip
def test_role(name: str, role: str) -> None:
    assert role_of(name) == role
