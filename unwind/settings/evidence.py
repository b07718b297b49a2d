"""Sections of the settings for evidence and estimates: links, shocks, volatility, regimes."""

from math import ceil
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from unwind.settings.shared import Section, Seed, Symbol


class Correlation(Section):
    """Rolling and exponentially weighted correlation of the base against all."""

    windows: tuple[Annotated[int, Field(ge=3, le=2520)], ...] = Field(min_length=1)
    half_lives: tuple[Annotated[int, Field(ge=1, le=2520)], ...]
    min_share: float = Field(gt=0, le=1)
    confidence: float = Field(gt=0.5, lt=1)


class CorrelationTests(Section):
    """Tests of the base's links; windows in sessions."""

    # Software first, gold second: the attribution reads the links of both.
    tested: tuple[Symbol, ...] = Field(min_length=2)
    window: int = Field(ge=40, le=2520)
    tail_window: int = Field(ge=60, le=5040)
    half_life: int = Field(ge=2, le=252)
    thresholds: tuple[Annotated[float, Field(ge=0, le=3)], ...] = Field(min_length=1)
    min_exceedances: int = Field(ge=4, le=5040)
    draws: int = Field(ge=99, le=9999)
    seed: Seed
    compared: tuple[tuple[Symbol, Symbol], ...]
    compared_windows: tuple[Annotated[int, Field(ge=16, le=2520)], ...]


class PairEvidence(Section):
    """Statistics reported beside each short-window correlation."""

    baseline: int = Field(ge=60, le=2520)
    control: Symbol
    min_observations: int = Field(ge=16, le=2520)
    min_joint_falls: int = Field(ge=10, le=2520)


class Shocks(Section):
    """Robust z-scores against earlier sessions."""

    window: int = Field(ge=10, le=2520)
    slow_window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5, le=2520)
    record_min_observations: int = Field(ge=1, le=10000)


class Volatility(Section):
    """GARCH estimation."""

    window: int = Field(ge=100, le=10000)
    min_observations: int = Field(ge=100, le=10000)


class WalkForward(Section):
    """Volatility of a whole universe through history; rows in sessions."""

    model: Literal["garch", "gjr", "egarch"]
    innovation: Literal["normal", "t", "skewt"]
    every: int = Field(ge=1, le=252)
    window: int = Field(ge=100, le=10000)
    min_observations: int = Field(ge=100, le=10000)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.window < self.min_observations:
            raise ValueError(
                f"window must be at least min_observations {self.min_observations}, got "
                f"{self.window}"
            )
        return self


class Scan(Section):
    """All pairs of a universe at the last session; rows in sessions."""

    history: int = Field(ge=60, le=2520)
    change: int = Field(ge=1, le=60)
    rises: int = Field(ge=1, le=10000)


class TailRisk(Section):
    """Value at risk and expected shortfall, their backtests, and CoVaR; windows in sessions."""

    levels: tuple[Annotated[float, Field(gt=0, le=0.25)], ...] = Field(min_length=1)
    sessions: int = Field(ge=60, le=2520)
    every: int = Field(ge=1, le=252)
    min_sessions: int = Field(ge=20, le=2520)
    min_violations: int = Field(ge=2, le=2520)
    draws: int = Field(ge=99, le=9999)
    seed: Seed
    covar_level: float = Field(gt=0, le=0.25)
    covar_window: int = Field(ge=100, le=5040)


class Changepoint(Section):
    """Change points: offline of a pair's correlation, online of all that is watched."""

    window: int = Field(ge=60, le=10000)
    min_size: int = Field(ge=2, le=5000)
    penalty: float = Field(gt=0, le=1000)
    reference: int = Field(ge=60, le=5040)
    min_reference: int = Field(ge=60, le=5040)
    monitored: int = Field(ge=21, le=2520)
    false_alarms_per_year: float = Field(ge=0.05, le=12)
    expected_run: int = Field(ge=21, le=5040)
    draws: int = Field(ge=19, le=9999)
    seed: Seed

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if self.min_reference > self.reference:
            raise ValueError(
                f"min_reference must not exceed reference {self.reference}, "
                f"got {self.min_reference}"
            )
        return self


class Systemic(Section):
    """The cross-section as one system, and the long-short sleeves of a multi-strategy book."""

    half_life: int = Field(ge=1, le=252)
    min_share: float = Field(gt=0, le=1)
    history: int = Field(ge=60, le=2520)
    turbulence_window: int = Field(ge=20, le=2520)
    absorption_window: int = Field(ge=20, le=2520)
    absorption_share: float = Field(gt=0, lt=1)
    absorption_short: int = Field(ge=1, le=252)
    absorption_long: int = Field(ge=20, le=2520)
    connectedness_window: int = Field(ge=60, le=2520)
    connectedness_lags: int = Field(ge=1, le=5)
    connectedness_horizon: int = Field(ge=1, le=60)
    connectedness_step: int = Field(ge=1, le=21)
    sleeve_window: int = Field(ge=20, le=2520)
    published_sessions: int = Field(ge=1, le=60)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.absorption_short < self.absorption_long:
            raise ValueError(
                f"absorption_short must be below absorption_long {self.absorption_long}, "
                f"got {self.absorption_short}"
            )
        return self

    def fewest(self, window: int) -> int:
        """Rows that a window must hold: its share, and never below three."""
        return max(3, ceil(window * self.min_share))


class RegimeModels(Section):
    """Markov switching and jump model of calm and stress."""

    window: int = Field(ge=100, le=5040)
    min_observations: int = Field(ge=60, le=5040)
    innovation: Literal["normal", "t"]
    half_life: float = Field(ge=1, le=252)
    min_share: float = Field(gt=0, le=1)
    min_volatility_ratio: float = Field(ge=1, le=100)
    jump_penalty: float = Field(ge=0, le=1e6)
    cap: float = Field(gt=0, le=1000)
    volatility_half_lives: tuple[Annotated[float, Field(ge=1, le=252)], ...] = Field(min_length=1)
    link_half_life: float = Field(ge=1, le=252)
    starts: int = Field(ge=1, le=100)
    jump_starts: int = Field(ge=1, le=1000)
    seed: Seed

    @model_validator(mode="after")
    def _window_holds_enough(self) -> Self:
        if self.min_observations > self.window:
            raise ValueError(
                f"min_observations must not exceed the window {self.window}, got "
                f"{self.min_observations}"
            )
        return self


class Sigma(Section):
    """Tail threshold, minimum sample and confidence of `unwind sigma`."""

    threshold_share: float = Field(gt=0, le=0.5)
    min_observations: int = Field(ge=20, le=100_000)
    min_exceedances: int = Field(ge=10, le=100_000)
    confidence: float = Field(gt=0.5, lt=1)
