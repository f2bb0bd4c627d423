"""Fresh words: nobody at one organisation gets a text that somebody there had before, whatever it was for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from rules.addresses import match_key, organisation
from rules.keys import text_mark
from rules.network import Owner, Past
from rules.wording import Word, Wording, Written


def place_of(email: str) -> str:
    """Return the organisation an address belongs to; one at free mail is an organisation of its own."""
    return organisation(match_key(email)) or match_key(email)


def written_to(place: str, ledger: Iterable[Past]) -> list[Past]:
    """List the drafts that went to an organisation."""
    drafts = (past for past in ledger if past.action == "draft")
    return [past for past in drafts if any(place_of(address) == place for address in past.addresses)]


def in_fresh_words(
    template: str, language: str, words: Mapping[str, Word], *, to: str, owner: Owner, wording: Wording, ledger: Iterable[Past]
) -> Written | None:
    """Write a mail in the first variant of its template the organisation of `to` never had; None where it had them all."""
    said = {past.text_mark for past in written_to(place_of(to), ledger)}
    signature = owner.signature or owner.full_name
    texts = (
        wording.draft(template, language, words, variant=variant, signature=signature, signature_html=owner.signature_html)
        for variant in range(wording.variants(template, language))
    )
    return next((text for text in texts if text_mark(text.text) not in said), None)
