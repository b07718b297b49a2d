"""Sections of the settings for the verdict and its calibration."""

import datetime
from typing import Annotated, Self

from pydantic import Field, model_validator

from unwind.settings.shared import Section, Seed, Symbol

Knot = Annotated[float, Field(ge=0, le=1e6)]
Score = Annotated[float, Field(ge=-100, le=100)]
# Entries per year.
Rate = Annotated[float, Field(ge=0, le=366)]
Period = Annotated[float, Field(ge=0.5, le=1e12)]
Weight = Annotated[float, Field(ge=0, le=1000)]
Sessions = Annotated[int, Field(ge=0, le=1_000_000)]


class DriverWeights(Section):
    """Relative weight of each driver in the score, named as in `models.verdict.score.DRIVERS`."""

    breadth: Weight
    concentration: Weight
    volume_on_falls: Weight
    crowding: Weight

    @model_validator(mode="after")
    def _positive(self) -> Self:
        if not any(self.model_dump().values()):
            raise ValueError("one weight at least must exceed 0, got 0 for each driver")
        return self


class Verdict(Section):
    """Inputs of the verdict; its scales and thresholds are calibrated (`Calibrated`)."""

    calibration: str = Field(min_length=1)
    window: int = Field(ge=20, le=2520)
    min_observations: int = Field(ge=10, le=2520)
    class_horizons: tuple[Annotated[int, Field(ge=1, le=21)], ...] = Field(min_length=1)
    sleeve_horizons: tuple[Annotated[int, Field(ge=1, le=21)], ...] = Field(min_length=1)
    class_start: float = Field(ge=0, le=5)
    sleeve_start: float = Field(ge=0, le=5)
    tail_cap: float = Field(gt=0, le=1000)
    leading: int = Field(ge=1, le=1000)
    fewest_classes: int = Field(ge=2, le=1000)
    fewest_sleeves: int = Field(ge=2, le=1000)
    evidence_cap: float = Field(gt=1, le=10)
    dwell: int = Field(ge=1, le=252)
    weights: DriverWeights
    factors: tuple[str, ...] = Field(min_length=1)
    spreads: tuple[tuple[Symbol, Symbol], ...]
    classes: dict[str, tuple[Symbol, ...]]

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.fewest_classes > len(self.classes):
            raise ValueError(
                f"fewest_classes must not exceed the {len(self.classes)} classes, "
                f"got {self.fewest_classes}"
            )
        if self.min_observations > self.window:
            raise ValueError(
                f"min_observations must not exceed window {self.window}, "
                f"got {self.min_observations}"
            )
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that a class or a spread names, each once."""
        members = [symbol for held in self.classes.values() for symbol in held]
        legs = [symbol for spread in self.spreads for symbol in spread]
        return tuple(dict.fromkeys((*members, *legs)))


class Calibration(Section):
    """Rules by which `unwind study calibrate` sets scales and thresholds."""

    deleveraging_entries: float = Field(gt=0, le=50)
    watch_entries: float = Field(gt=0, le=100)
    release_share: float = Field(gt=0, lt=1)
    paths: int = Field(ge=20, le=5000)
    years: int = Field(ge=1, le=100)
    block: int = Field(ge=1, le=252)
    seed: Seed
    quiet: int = Field(ge=1, le=252)

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.watch_entries <= self.deleveraging_entries:
            raise ValueError(
                "watch_entries must exceed deleveraging_entries "
                f"{self.deleveraging_entries}, got {self.watch_entries}"
            )
        return self


class DriverScale(Section):
    """Tail frequency of one driver on ordinary sessions (`models.verdict.score.Scale`)."""

    knots: tuple[Knot, Knot, Knot]
    mean_excess: float = Field(gt=0, le=1e6)
    shape: float = Field(ge=0, lt=1)

    @model_validator(mode="after")
    def _rising(self) -> Self:
        if not 0 <= self.knots[0] <= self.knots[1] <= self.knots[2]:
            raise ValueError(
                f"knots must not be negative and not fall, got {list(self.knots)}; calibrate again"
            )
        return self


class DriverScales(Section):
    """One scale a driver, named as in `models.verdict.score.DRIVERS`."""

    breadth: DriverScale
    concentration: DriverScale
    volume_on_falls: DriverScale
    crowding: DriverScale


class ScoreBand(Section):
    """Share of sessions inside an episode among those with a score from here to the next band."""

    lower_score: Score
    sessions: Sessions
    inside: Sessions
    share: float = Field(ge=0, le=1)
    lower: float = Field(ge=0, le=1)
    upper: float = Field(ge=0, le=1)


class SamplePeriod(Section):
    """First and last session of one history in the calibration sample."""

    first: datetime.date
    last: datetime.date


class LongRunRate(Section):
    """False alarms per year in blocks of years left out (`models.verdict.FalseAlarmRate`)."""

    alarms: Sessions
    years: float = Field(gt=0, le=1000)
    dispersion: float = Field(ge=1, le=1000)
    rate: Rate
    lower: Rate
    upper: Rate
    next_year_lower: Sessions
    next_year_upper: Sessions


class ScoreRarity(Section):
    """Return period of a score in ordinary sessions left out, with its 90 % interval."""

    score: Score
    period: Period
    lower: Period
    upper: Period


class Statement(Section):
    """Statement of the calibration for years to come, from years left out of it."""

    rate: LongRunRate
    rarity: tuple[ScoreRarity, ...] = Field(min_length=2)
    bands: tuple[ScoreBand, ...] = Field(min_length=1)


class Calibrated(Section):
    """The artefact of a calibration; part of the settings, so their digest covers it."""

    version: str
    calibrated_to: datetime.date
    data: str
    periods: tuple[SamplePeriod, ...]
    sessions: Sessions
    scales: DriverScales
    watch: Score
    deleveraging: Score
    release: Score
    watch_rate: Rate
    deleveraging_rate: Rate
    deleveraging_rate_lower: Rate
    deleveraging_rate_upper: Rate
    bands: tuple[ScoreBand, ...]
    statement: Statement | None

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.release < self.watch < self.deleveraging:
            raise ValueError("thresholds must rise: release < watch < deleveraging")
        return self
