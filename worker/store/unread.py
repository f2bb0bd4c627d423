"""Sequences read from their rows once somebody looks: of a whole network a decision looks at the smaller part."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeAlias, TypeVar, overload

from sqlalchemy import Row

Item = TypeVar("Item")
AnyRow: TypeAlias = Row[*tuple[Any, ...]]


class Compared(Sequence[Item]):
    """Equal to any sequence of the same items, read or not."""

    __slots__ = ()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Sequence) and list(self) == list(other)

    def __hash__(self) -> int:
        return hash(tuple(self))


class Unread(Compared[Item]):
    """Made whole when it is first looked at."""

    __slots__ = ("_made", "_make")

    def __init__(self, make: Callable[[], Sequence[Item]]) -> None:
        self._make = make
        self._made: Sequence[Item] | None = None

    def __len__(self) -> int:
        return len(self._whole())

    def __iter__(self) -> Iterator[Item]:
        return iter(self._whole())

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | Sequence[Item]:
        return self._whole()[at]

    def _whole(self) -> Sequence[Item]:
        if self._made is None:
            self._made = self._make()
        return self._made


class UnreadRows(Compared[Item]):
    """Each item read from its row when that one is first looked at."""

    __slots__ = ("_items", "_read", "_rows")

    def __init__(self, rows: Sequence[AnyRow], read: Callable[[AnyRow], Item]) -> None:
        self._rows = rows
        self._read = read
        self._items: list[Item | None] = [None] * len(rows)

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, at: int) -> Item: ...
    @overload
    def __getitem__(self, at: slice) -> Sequence[Item]: ...
    def __getitem__(self, at: int | slice) -> Item | Sequence[Item]:
        if isinstance(at, slice):
            return [self[n] for n in range(*at.indices(len(self)))]
        found = self._items[at]
        if found is None:
            found = self._items[at] = self._read(self._rows[at])
        return found
