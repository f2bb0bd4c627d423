"""Several feeds read at once, a page of whichever has one: who waits for an answer keeps nobody else waiting."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator

from connectors.port import RateLimited

IsThere = Callable[[], bool]
"""Tells whether the next page can be taken without waiting for it."""
Reader = Generator[IsThere, None, None]
"""One feed being read: goes on for a page each time it is asked."""


def take_turns(readers: Iterator[Reader], at_once: int, budget: Callable[[], bool]) -> bool:
    """Read up to so many feeds at once while there is time; False where not all were begun. Raises what a reader raises.

    Where one can pay no more, what others have paid for already is taken in before that ends the slice.
    """
    going: dict[Reader, IsThere] = {}
    paced: list[RateLimited] = []
    is_cut = False
    try:
        for reader in readers:
            is_cut = bool(paced) or not budget()
            if is_cut:
                break
            if (is_there := next(reader, None)) is not None:
                going[reader] = is_there
            while len(going) >= at_once:
                _take_turn(going, paced)
        while going:
            _take_turn(going, paced)
    finally:
        for each in going:
            each.close()
    if paced:
        raise paced[0]
    return not is_cut


def _take_turn(going: dict[Reader, IsThere], paced: list[RateLimited]) -> None:
    """Have a reader go on: the first whose page is there, else the first of all, which waits for it. Whoever is done is let go."""
    reader = next((one for one, is_there in going.items() if is_there()), next(iter(going)))
    try:
        is_over = next(reader, None) is None
    except RateLimited as error:
        if not error.is_paced:
            raise
        paced.append(error)
        is_over = True
    if is_over:
        del going[reader]
