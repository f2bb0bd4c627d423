"""Public holidays, by country: of the owner, and of whoever they want to meet."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache


def days_off(place: str, years: Iterable[int]) -> frozenset[date]:
    """List the public holidays of a country, or of a country and region ("DE-BY"). Raises NotImplementedError for no known one."""
    from holidays import country_holidays  # noqa: PLC0415 - takes 0.1 s, and only those who need a country need it

    code, _, region = place.partition("-")
    return frozenset(country_holidays(code, subdiv=region or None, years=years))


@dataclass(frozen=True, slots=True)
class DaysOff(Mapping[str, frozenset[date]]):
    """The holidays of any country in some years, looked up only when somebody from there is to be met."""

    years: tuple[int, ...]

    def __getitem__(self, country: str) -> frozenset[date]:
        """Return the days every region of a country has off. Raises KeyError for a country that is not known."""
        return _looked_up(country, self.years)

    def __iter__(self) -> Iterator[str]:
        """Name the countries known."""
        from holidays import list_supported_countries  # noqa: PLC0415 - as above

        return iter(list_supported_countries())

    def __len__(self) -> int:
        """Count the countries known."""
        return sum(1 for _ in self)


@lru_cache(maxsize=256)
def _looked_up(country: str, years: tuple[int, ...]) -> frozenset[date]:
    try:
        return days_off(country, years) if country else frozenset()
    except NotImplementedError as unknown:
        raise KeyError(country) from unknown
