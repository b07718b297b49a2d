"""The verdict of one session: state, score, drivers and the meaning of the score."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import pandas as pd

from unwind.contract.text import NULL, interval, is_null, number, percent, plain
from unwind.report.format import records

SIMULATED = "SIMULATED DATA"
# Entries on one screen; the tables have all.
LARGEST = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Driver:
    """One contribution to the evidence score; null where its input is missing.

    `meaning` describes what `value` measures; without a description it is the name.
    """

    name: str
    contribution: float | None
    value: float | None
    meaning: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The regimes row of one session.

    `return_period` and `episode_share` are leave-one-year-out figures if the row has them.
    """

    base: str
    state: str
    previous_state: str
    sessions_in_state: int
    score: float | None
    lowest: float | None
    highest: float | None
    return_period: float | None
    episode_share: float | None
    episode_share_lower: float | None
    episode_share_upper: float | None
    in_sample: bool
    release: float | None
    watch: float | None
    deleveraging: float | None
    headline: str
    drivers: tuple[Driver, ...]

    @property
    def largest(self) -> tuple[Driver, ...]:
        """Measured drivers, the largest contribution in size first."""
        measured = [driver for driver in self.drivers if driver.contribution is not None]
        return tuple(sorted(measured, key=lambda driver: -abs(driver.contribution or 0.0)))

    @property
    def missing(self) -> tuple[Driver, ...]:
        """Drivers whose input is missing."""
        return tuple(driver for driver in self.drivers if driver.contribution is None)

    @property
    def thresholds(self) -> tuple[tuple[str, float], ...]:
        """Names and values of the thresholds, in rising order."""
        named = {
            "release": self.release,
            "WATCH": self.watch,
            "DELEVERAGING": self.deleveraging,
        }
        return tuple((name, value) for name, value in named.items() if value is not None)

    @property
    def duration(self) -> str:
        """Sessions in this state; after a change, the state before it."""
        if self.sessions_in_state == 1:
            return f"first session in {self.state} (previous state {self.previous_state})"
        return f"session {self.sessions_in_state} in {self.state}"

    @property
    def score_text(self) -> str:
        """The score, followed by its range where missing drivers leave one."""
        score = number(self.score, decimals=2)
        if self.lowest == self.highest or self.range_text == NULL:
            return score
        return f"{score}, range {self.range_text}"

    @property
    def range_text(self) -> str:
        """The score with each missing driver at zero, and at its cap."""
        return interval(self.lowest, self.highest, decimals=2)

    @property
    def odds_text(self) -> str:
        """Rarity of the score, and the base rate of its band."""
        if self.return_period is None:
            return ""
        return odds(
            self.return_period,
            self.episode_share,
            self.episode_share_lower,
            self.episode_share_upper,
            in_sample=self.in_sample,
        )

    @property
    def threshold_text(self) -> str:
        """Thresholds of the states, and of the return to CALM."""
        release, watch, deleveraging = (
            number(value, decimals=2) for value in (self.release, self.watch, self.deleveraging)
        )
        return (
            f"thresholds: WATCH {watch}, DELEVERAGING {deleveraging}; back to CALM after "
            f"consecutive sessions below {release}"
        )


def odds(
    period: float,
    share: float | None,
    lower: float | None,
    upper: float | None,
    *,
    in_sample: bool = False,
) -> str:
    """Write how rare a score is among ordinary sessions, and the base rate of its band."""
    rare = f"About 1 in {_two_figures(period)} ordinary sessions scores this high"
    middle, low, high = (percent(value, decimals=0) for value in (share, lower, upper))
    if middle == NULL:
        return f"{rare}; the base rate of this score band is not known."
    mark = "; in sample: the calibration used this session" if in_sample else ""
    return (
        f"{rare}. Base rate: {middle} of past sessions in this score band fell in a labelled "
        f"episode (95 % interval {low} to {high}{mark})."
    )


def _two_figures(period: float) -> str:
    """Write a return period to two significant figures."""
    digits = 1 - math.floor(math.log10(max(period, 1.0)))
    return number(round(period, digits), decimals=0)


def best_known(row: Mapping[str, Any]) -> dict[str, float | None]:
    """Rarity and base rate of a regimes row: leave-one-year-out, or in sample in older rows."""
    rarity = row.get("observed_return_period")
    names = ("base_rate_in_band", "base_rate_in_band_lower", "base_rate_in_band_upper")
    shares = [row.get(name) for name in names]
    if is_null(shares[0]):
        shares = [
            row[name] for name in ("episode_share", "episode_share_lower", "episode_share_upper")
        ]
    period = row["return_period"] if is_null(rarity) else rarity
    return {"period": period, "share": shares[0], "lower": shares[1], "upper": shares[2]}


def read_verdict(regimes: pd.DataFrame) -> Verdict | None:
    """Read the session's regimes row; None where there is none.

    Raises
    ------
    ValueError
        More than one row: the session of one base has one verdict.
    """
    rows = records(regimes)
    if not rows:
        return None
    if len(rows) > 1:
        raise ValueError(f"regimes must hold one row, got {len(rows)}; pass one session and base")
    row = rows[0]
    known = best_known(row)
    return Verdict(
        base=plain(row["base"]),
        state=plain(row["state"]),
        previous_state=plain(row["previous_state"]),
        sessions_in_state=int(row["sessions_in_state"]),
        score=row["score"],
        lowest=row["score_lowest"],
        highest=row["score_highest"],
        return_period=known["period"],
        episode_share=known["share"],
        episode_share_lower=known["lower"],
        episode_share_upper=known["upper"],
        in_sample=row.get("calibration_sample") == "in sample",
        release=row["release_threshold"],
        watch=row["watch_threshold"],
        deleveraging=row["deleveraging_threshold"],
        headline=plain(row["headline"]),
        drivers=tuple(_driver(entry) for entry in row["drivers"]),
    )


def _driver(entry: Mapping[str, Any]) -> Driver:
    contribution, value = (
        None if is_null(entry[name]) else float(entry[name]) for name in ("contribution", "value")
    )
    return Driver(
        name=plain(entry["driver"]),
        contribution=contribution,
        value=value,
        meaning=plain(entry["driver" if is_null(entry["meaning"]) else "meaning"]),
    )


def remainder(verdict: Verdict) -> str:
    """Sum up the drivers beyond the largest, so that the list adds up to the score."""
    smaller = verdict.largest[LARGEST:]
    if not smaller:
        return ""
    total = sum(driver.contribution or 0.0 for driver in smaller)
    noun = "driver" if len(smaller) == 1 else "drivers"
    return f"{len(smaller)} more {noun}, together {number(total, decimals=2, signed=True)}"
