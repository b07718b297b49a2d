"""Sections of the settings for the mechanisms behind a move."""

import datetime
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from unwind.settings.shared import Publication, Section, Symbol

Convention = Literal["calls_long_puts_short", "short_all", "last_trade"]


class Futures(Section):
    """The base's coin in futures: basis, open interest, funding, reported positions."""

    venue: str = Field(min_length=1)
    offshore: str = Field(min_length=1)
    spot: Symbol
    week_close: Publication
    without_weekend_from: datetime.date
    tenors: tuple[Annotated[int, Field(ge=1, le=720)], ...] = Field(min_length=1)
    min_days: int = Field(ge=1, le=60)
    contracts_per_trade: float = Field(ge=1, le=1e6)
    max_wait_hours: float = Field(gt=0, le=24)
    window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5, le=2520)
    confidence: float = Field(gt=0.5, lt=1)
    open_interest_floor: float = Field(ge=0, lt=1)
    venues_at_new_york_close: tuple[str, ...]
    funding_days: int = Field(ge=1, le=90)
    flip_window: int = Field(ge=1, le=365)
    stale_sessions: int = Field(ge=1, le=60)
    report_sessions: int = Field(ge=1, le=60)
    reports: int = Field(ge=10, le=520)
    min_reports: int = Field(ge=5, le=520)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        for fewest, most in (("min_observations", "window"), ("min_reports", "reports")):
            if getattr(self, fewest) > getattr(self, most):
                raise ValueError(
                    f"{fewest} must not exceed {most} {getattr(self, most)}, "
                    f"got {getattr(self, fewest)}"
                )
        if self.venue == self.offshore:
            raise ValueError(f"venue and offshore must differ, got {self.venue} for both")
        if len(set(self.tenors)) != len(self.tenors):
            raise ValueError("a tenor stands twice in tenors; name each once")
        return self


class Options(Section):
    """Option chains and indices of implied volatility; ages in sessions."""

    rate: float = Field(ge=-0.05, le=0.25)
    dividend_yield: float = Field(ge=0, le=0.25)
    multiplier: float = Field(gt=0, le=1e6)
    conventions: tuple[Convention, ...] = Field(min_length=1)
    grid_reach: float = Field(ge=0.05, le=0.9)
    grid_points: int = Field(ge=3, le=1001)
    lowest_volatility: float = Field(gt=0, lt=1)
    highest_volatility: float = Field(ge=1, le=20)
    skew_delta: float = Field(gt=0, lt=0.5)
    skew_tenor_days: int = Field(ge=1, le=730)
    skew_index: Symbol
    gaps: tuple[tuple[Symbol, Symbol], ...]
    term_ratios: tuple[tuple[Symbol, Symbol], ...]
    forecast_horizon: int = Field(ge=1, le=252)
    forecast_every: int = Field(ge=1, le=252)
    window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5, le=2520)
    stale_sessions: int = Field(ge=0, le=60)


class Notes(Section):
    """Structured notes with a barrier."""

    horizon_sessions: int = Field(ge=1, le=252)
    drift: float = Field(ge=-1, le=1)
    reach: float = Field(ge=0.01, lt=1)
    volatility_window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5, le=2520)
    indices: dict[Symbol, Symbol]


class FlowAnchor(Section):
    """Assets of a fund at the close before a session, from which its flows are rolled forward."""

    session: datetime.date
    assets_usd_m: float = Field(ge=0, le=1e9)


class Flows(Section):
    """Net flows into exchange-traded funds: expectation, surprise, conflict of vendors."""

    vendor: str = Field(min_length=1)
    total: str = Field(min_length=1)
    anchors: dict[str, FlowAnchor]
    min_assets_usd_m: float = Field(gt=0, le=1e9)
    scale_window: int = Field(ge=5, le=252)
    lags: int = Field(ge=1, le=10)
    volume_window: int = Field(ge=5, le=252)
    window: int = Field(ge=120, le=5040)
    min_observations: int = Field(ge=40, le=5040)
    every: int = Field(ge=1, le=63)
    history: int = Field(ge=40, le=2520)
    confidence: float = Field(gt=0.5, lt=1)
    cumulative: int = Field(ge=2, le=10)
    run: int = Field(ge=5, le=63)
    conflict_share: float = Field(gt=0, le=10)
    conflict_window: int = Field(ge=20, le=504)
    dating_tolerance_usd_m: float = Field(ge=0, le=1e9)
    usual_zero_share: float = Field(ge=0, le=1)
    fresh_sessions: int = Field(ge=0, le=5)
    oldest_sessions: int = Field(ge=1, le=20)


class TradedVolume(Section):
    """Volume against weekday and persistence, and the options traded."""

    window: int = Field(ge=120, le=5040)
    min_observations: int = Field(ge=40, le=5040)
    every: int = Field(ge=1, le=63)
    history: int = Field(ge=40, le=2520)
    min_snapshots: int = Field(ge=5, le=5040)
    oldest_snapshot_sessions: int = Field(ge=1, le=60)


class OrganicDemand(Section):
    """Flow that neither open interest nor basis explains."""

    venue: str = Field(min_length=1)
    min_observations: int = Field(ge=20, le=5040)
    basis_tolerance: float = Field(ge=0, lt=1)


class SessionHours(Section):
    """Hours of a move."""

    symbol: Symbol
    window: int = Field(ge=10, le=504)
    min_observations: int = Field(ge=5, le=504)
    min_move: float = Field(gt=0, lt=1)


class Yen(Section):
    """The yen beside risk assets."""

    symbol: Symbol
    start: float = Field(gt=0, le=100)
    slide: int = Field(ge=2, le=20)
    min_assets: int = Field(ge=1, le=1000)


class Cash(Section):
    """Assets sold and bought in a dash for cash."""

    havens: tuple[Symbol, ...] = Field(min_length=1)
    # Corporate bonds and Treasuries of their duration.
    credit: tuple[Symbol, Symbol]
    dollar: Symbol


class Rebound(Section):
    """Reversal of the losers on the next session."""

    min_assets: int = Field(ge=3, le=1000)
    min_fall: float = Field(gt=0, lt=1)
