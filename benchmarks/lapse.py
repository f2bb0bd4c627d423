"""How well the chance of lapse ranks unseen owners: python -m benchmarks.lapse [--quick] [--fit].

Needs numpy and pandas. Reads ../shared/data/lapse in place and scores by ../shared/tools/score_lapse.py. Five folds by
owner: the weights are fitted on four fifths of the owners, held close to the published card, and judged on the rest,
beside that card in the same run. `--fit` prints the weights of all owners for rules/scorecard.py. 1 if a bound is broken.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from time import perf_counter
from types import ModuleType
from typing import Any

from rules.rhythm import Contact, Sums, aged, interaction_days, lapse_from, lapse_probability, sums
from rules.scorecard import NAMES

try:
    np: Any = importlib.import_module("numpy")
    pd: Any = importlib.import_module("pandas")
except ImportError:  # two large packages that nothing else needs
    sys.exit("This benchmark needs numpy and pandas: python -m pip install numpy pandas")

SHARED = Path(__file__).resolve().parents[2] / "shared"
DAY = 86400
HORIZONS = (90, 180)
PUBLISHED = {90: (2.882, -0.458, -0.968, 0.273, -0.201), 180: (2.650, -0.437, -1.080, 0.259, -0.266)}
"""The card of four terms: intercept, recent, days, heard, gap."""
THREE = {90: (1.838, -0.469, -0.730, 0.297), 180: (1.219, -0.455, -0.735, 0.294)}
KEEP, NEW = 3000.0, 100.0
"""How strongly a weight is held to the published one, and a new one to 0; per squared standard deviation of its input."""
FOLDS, SEED = 5, 0
GAIN = {"AUC": 0.004, "within": 0.005}

Array = Any
Table = Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Cases:
    """Cases with the inputs of the card and whether they lapsed."""

    table: Table
    inputs: Array
    lapsed: dict[int, Array]
    histories: list[tuple[tuple[Contact, ...], datetime]]


def tool(name: str) -> ModuleType:
    """Load one of the shared tools in place."""
    spec = importlib.util.spec_from_file_location(name, SHARED / "tools" / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def histories() -> dict[tuple[str, str], tuple[Contact, ...]]:
    """Read all contacts of every pair, in order of time."""
    edges = pd.read_csv(SHARED / "data" / "lapse" / "edges_dev.csv.gz").sort_values("ts", kind="stable")
    found: dict[tuple[str, str], list[Contact]] = {}
    for row in edges.itertuples(index=False):
        contact = Contact(
            at=datetime.fromtimestamp(row.ts, UTC), direction=row.direction, recipients=row.n_recipients, is_reply=row.reply == 1
        )
        found.setdefault((row.owner, row.contact), []).append(contact)
    return {pair: tuple(contacts) for pair, contacts in found.items()}


def measured(table: Table, known: dict[tuple[str, str], tuple[Contact, ...]]) -> Cases:
    """Measure the history of every case as of its cut date."""
    past: list[tuple[tuple[Contact, ...], datetime]] = []
    for owner, contact, date in zip(table.owner, table.contact, table.cut_date, strict=True):
        cut = datetime.fromisoformat(date).replace(tzinfo=UTC)
        past.append((tuple(each for each in known[owner, contact] if each.at <= cut), cut))
    values = np.array([sums(contacts, cut).inputs for contacts, cut in past])
    lapsed = {horizon: table[f"lapsed_{horizon}"].to_numpy(float) for horizon in HORIZONS}
    return Cases(table=table, inputs=values, lapsed=lapsed, histories=past)


def more_cases(known: dict[tuple[str, str], tuple[Contact, ...]]) -> Table:
    """Cut the same histories on more dates, by the rules of make_cases.py: for fitting only."""
    cuts = [int(each.timestamp()) / DAY for each in pd.date_range("2020-01-15", "2025-12-30", freq="26D", tz="UTC")]
    written: dict[str, list[float]] = {}
    for (owner, _), contacts in known.items():
        written.setdefault(owner, []).extend(each.at.timestamp() / DAY for each in contacts if each.direction == "out")
    sent = {owner: np.sort(np.array(days)) for owner, days in written.items()}
    rows = []
    for (owner, contact), contacts in known.items():
        days = np.array(interaction_days(each for each in contacts if each.is_reply))
        for cut in cuts:
            seen = int(np.searchsorted(days, cut, side="right"))
            if seen < 3 or cut - days[seen - 1] > 365 or not _is_watched(sent[owner], cut):
                continue
            ahead = days[seen] - cut if seen < len(days) else np.inf
            date = datetime.fromtimestamp(cut * DAY, UTC).strftime("%Y-%m-%d")
            rows.append((owner, contact, date, int(ahead > HORIZONS[0]), int(ahead > HORIZONS[1])))
    return pd.DataFrame(rows, columns=["owner", "contact", "cut_date", "lapsed_90", "lapsed_180"])


def _is_watched(sent: Array, cut: float) -> bool:
    """Tell whether the owner wrote in the 60 days before the cut and 180 days after it."""
    return bool(((sent <= cut) & (sent > cut - 60)).any() and (sent > cut + HORIZONS[1]).any())


def fit(cases: Cases, chosen: Array, horizon: int) -> Array:
    """Fit intercept and weights by a ridge towards the published card; owners with many cases count less per case."""
    x, y = cases.inputs[chosen], cases.lapsed[horizon][chosen]
    size = cases.table.owner.groupby(cases.table.owner).transform("size").to_numpy()[chosen]
    weight = size**-0.5 / np.mean(size**-0.5)
    published = np.array(PUBLISHED[horizon])
    centre = np.r_[np.zeros(4), x[:, 4:].mean(0)]
    design = np.c_[np.ones(len(x)), x - centre]
    spread = np.r_[1.0, x.std(0)]
    prior = np.r_[published, np.zeros(len(NAMES) - 4)]
    hold = np.r_[np.full(5, KEEP), np.full(len(NAMES) - 4, NEW)] * spread**2
    b = prior.copy()
    for _ in range(8):
        p = 1 / (1 + np.exp(-design @ b))
        gradient = design.T @ (weight * (y - p)) - hold * (b - prior)
        hessian = (design * (weight * p * (1 - p))[:, None]).T @ design + np.diag(hold)
        b = b + np.linalg.solve(hessian, gradient)
    b[0] -= b[1:] @ centre
    return b


def out_of_fold(cases: Cases, training: Cases, horizon: int) -> Array:
    """Predict every owner's cases with weights that never saw the owner."""
    owners = np.random.RandomState(SEED).permutation(sorted(cases.table.owner.unique()))
    fold = {owner: number % FOLDS for number, owner in enumerate(owners)}
    mine, theirs = cases.table.owner.map(fold).to_numpy(), training.table.owner.map(fold).fillna(-1).to_numpy()
    found = np.zeros(len(mine))
    for number in range(FOLDS):
        b = fit(training, theirs != number, horizon)
        held_out = mine == number
        found[held_out] = 1 / (1 + np.exp(-(b[0] + cases.inputs[held_out] @ b[1:])))
    return found


def row(score: ModuleType, cases: Cases, horizon: int, chance: Array) -> dict[str, float]:
    """Score one way of forecasting."""
    y = cases.lapsed[horizon]
    owners = {owner: np.asarray(index) for owner, index in cases.table.groupby("owner").indices.items()}
    return {
        "AUC": score.auc(y, chance),
        "within": score.within(y, chance, owners)[0],
        "Brier": float(np.mean((chance - y) ** 2)),
        "ECE": score.ece(y, chance),
    }


def compare(score: ModuleType, cases: Cases, training: Cases, horizon: int) -> bool:
    """Print the table for one horizon; tell whether the bounds hold."""
    x, four, three = cases.inputs, np.array(PUBLISHED[horizon]), np.array(THREE[horizon])
    gone = np.array([(cut - max(each.at for each in past)).total_seconds() / DAY for past, cut in cases.histories])
    shipped = [lapse_probability(past, now=cut, horizon=timedelta(days=horizon)) for past, cut in cases.histories]
    ways = {
        "days since last contact": gone / 10_000,
        "card of three terms": 1 / (1 + np.exp(-(three[0] + x[:, :3] @ three[1:]))),
        "card of four terms": 1 / (1 + np.exp(-(four[0] + x[:, :4] @ four[1:]))),
        "ours, owners unseen": out_of_fold(cases, training, horizon),
        "as shipped (seen)": np.array(shipped),
    }
    found = {name: row(score, cases, horizon, chance) for name, chance in ways.items()}
    print(f"\nsilence over {horizon} days: {len(x)} cases of {cases.table.owner.nunique()} owners")
    print(f"{'':26}{'AUC':>9}{'within':>9}{'Brier':>9}{'ECE':>9}")
    for name, figures in found.items():
        print(f"{name:26}" + "".join(f"{value:9.4f}" for value in figures.values()))
    card, ours = found["card of four terms"], found["ours, owners unseen"]
    gains = {name: ours[name] - card[name] for name in GAIN}
    print("gain over the card:       " + "".join(f"{gain:+9.4f}" for gain in gains.values()), f"(bounds {GAIN} at 90 days)")
    least = dict.fromkeys(GAIN, 0.0) if "--quick" in sys.argv else GAIN  # a quick run learns from a quarter of the cases
    return horizon != HORIZONS[0] or (all(gains[name] >= least[name] for name in GAIN) and ours["Brier"] <= card["Brier"])


def speed(cases: Cases) -> bool:
    """Print what a thousand people cost."""
    ready: list[Sums] = [sums(past, cut) for past, cut in cases.histories[:1000]]
    horizon = timedelta(days=120)
    times: list[float] = []
    moving: list[float] = []
    for _ in range(15):
        began = perf_counter()
        for each in ready:
            lapse_from(each, horizon=horizon)
        times.append(perf_counter() - began)
        began = perf_counter()
        for each in ready:
            aged(each, each.now + timedelta(days=1))
        moving.append(perf_counter() - began)
    milliseconds = median(times) * 1000 * 1000 / len(ready)
    print(
        f"\nlapse_from, 1,000 people: {milliseconds:.2f} ms (bound 2 ms); aged, 1,000 people: {median(moving) * 1e6 / len(ready):.2f} ms"
    )
    return milliseconds <= 2


def main() -> int:
    """Print the tables; 1 if a bound is broken."""
    if not (SHARED / "data" / "lapse").is_dir():
        print(f"skipped: {SHARED / 'data' / 'lapse'} is not there")
        return 0
    known = histories()
    score = tool("score_lapse")
    cases = measured(pd.read_csv(SHARED / "data" / "lapse" / "cases_dev.csv"), known)
    training = cases if "--quick" in sys.argv else measured(more_cases(known), known)
    if "--fit" in sys.argv:
        for horizon in HORIZONS:
            print(
                horizon, [round(float(value), 4) for value in fit(training, np.full(len(training.table), fill_value=True), horizon)]
            )
    good = [compare(score, cases, training, horizon) for horizon in HORIZONS]
    return 0 if all([*good, speed(cases)]) else 1


if __name__ == "__main__":
    sys.exit(main())
