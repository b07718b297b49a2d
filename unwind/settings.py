"""The desk's settings: frozen, complete, unknown keys refused, and known by their digest."""

import datetime
import hashlib
import json
import tomllib
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, Field, ValidationError, model_validator

from unwind.attribution_settings import Attribution
from unwind.section import Section

DEFAULT_PATH = Path(__file__).with_name("desk.toml")

Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._^=-]{0,23}$")]

Convention = Literal["calls_long_puts_short", "short_all", "last_trade"]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone {name}; write one like America/New_York") from error
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class SettingsError(ValueError):
    """The settings file cannot be used; the message names the key, the value and the remedy."""


class Universe(Section):
    """Who is measured against whom."""

    base: Symbol
    counterparts: tuple[Symbol, ...] = Field(min_length=1)
    change_pairs: tuple[tuple[Symbol, Symbol], ...]
    context: tuple[Symbol, ...]
    havens: tuple[Symbol, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        members = (self.base, *self.counterparts)
        if len(set(members)) != len(members):
            raise ValueError("a symbol stands twice in base and counterparts; name each once")
        strangers = {symbol for pair in self.change_pairs for symbol in pair} - set(members)
        if strangers:
            raise ValueError(
                f"change_pairs names {sorted(strangers)}, which the universe does not hold; "
                "add them to counterparts"
            )
        return self

    @property
    def symbols(self) -> tuple[str, ...]:
        """Base first, then the counterparts in their order."""
        return (self.base, *self.counterparts)


class Clock(Section):
    """Which series are not exchange-traded, and where their 16:00 New York price comes from."""

    crypto_daily: tuple[Symbol, ...]
    weekday: tuple[Symbol, ...]
    index_levels: tuple[Symbol, ...]
    utc_day_indices: tuple[Symbol, ...]
    hourly: dict[Symbol, Symbol]


class Publication(Section):
    """The instant at which a session's own run stands."""

    time: datetime.time
    zone: Zone


class Lag(Section):
    """When a row that carries no known_at counts as known."""

    days: int | None = Field(default=None, ge=0, le=60)
    sessions: int | None = Field(default=None, ge=0, le=20)
    minutes: int | None = Field(default=None, ge=0, le=10080)
    time: datetime.time = datetime.time(0)
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _one_unit(self) -> Self:
        if [self.days, self.sessions, self.minutes].count(None) != 2:
            raise ValueError("give exactly one of days, sessions and minutes")
        return self


class Correlation(Section):
    """Rolling and exponentially weighted correlation of the base against all."""

    windows: tuple[Annotated[int, Field(ge=3, le=2520)], ...] = Field(min_length=1)
    half_lives: tuple[Annotated[int, Field(ge=1, le=2520)], ...]
    min_share: float = Field(gt=0, le=1)
    confidence: float = Field(gt=0.5, lt=1)


class CorrelationTests(Section):
    """Tests of the base's links; windows in sessions."""

    tested: tuple[Symbol, ...]
    window: int = Field(ge=40, le=2520)
    tail_window: int = Field(ge=60, le=5040)
    half_life: int = Field(ge=2, le=252)
    thresholds: tuple[Annotated[float, Field(ge=0, le=3)], ...] = Field(min_length=1)
    min_exceedances: int = Field(ge=4)
    draws: int = Field(ge=99, le=9999)
    seed: int = Field(ge=0)
    compared: tuple[tuple[Symbol, Symbol], ...]
    compared_windows: tuple[Annotated[int, Field(ge=16, le=2520)], ...]


class PairEvidence(Section):
    """What stands beside each short-window correlation."""

    baseline: int = Field(ge=60, le=2520)
    control: Symbol
    min_observations: int = Field(ge=16)
    min_joint_falls: int = Field(ge=10)


class Shocks(Section):
    """Robust z-scores against earlier sessions."""

    window: int = Field(ge=10, le=2520)
    slow_window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5)
    record_min_observations: int = Field(ge=1)


class Volatility(Section):
    """GARCH estimation."""

    window: int = Field(ge=100, le=10000)
    min_observations: int = Field(ge=100)


class Changepoint(Section):
    """Change points of a pair's correlation."""

    window: int = Field(ge=60, le=10000)
    min_size: int = Field(ge=2)
    penalty: float = Field(gt=0)
    lookback: int = Field(ge=0, le=252)
    tolerance: int = Field(ge=0)


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
    min_sleeves: int = Field(ge=2, le=50)
    momentum_lookback: int = Field(ge=20, le=2520)
    momentum_skip: int = Field(ge=0, le=252)
    momentum_share: float = Field(gt=0, le=0.5)
    pair_lookback: int = Field(ge=20, le=2520)
    pair_volatility_window: int = Field(ge=20, le=2520)
    pairs: tuple[tuple[Symbol, Symbol], ...]
    published_sessions: int = Field(ge=1, le=60)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if not self.absorption_short < self.absorption_long:
            raise ValueError(
                f"absorption_short must be below absorption_long {self.absorption_long}, "
                f"got {self.absorption_short}"
            )
        if self.momentum_lookback - self.momentum_skip < 3:
            raise ValueError(
                "momentum_skip must leave at least 3 rows of momentum_lookback "
                f"{self.momentum_lookback}, got {self.momentum_skip}"
            )
        if twice := [pair for pair in self.pairs if pair[0] == pair[1]]:
            raise ValueError(f"pairs must name two assets each, got {list(twice[0])}")
        if len(set(self.pairs)) != len(self.pairs):
            raise ValueError("a pair stands twice in pairs; name each once")
        # The contrarian and the momentum sleeve are always there.
        if self.min_sleeves > len(self.pairs) + 2:
            raise ValueError(
                f"min_sleeves must not exceed the {len(self.pairs) + 2} sleeves (contrarian, "
                f"momentum and pairs), got {self.min_sleeves}"
            )
        return self

    def fewest(self, window: int) -> int:
        """Rows that a window must hold: its share, and never below three."""
        return max(3, ceil(window * self.min_share))


class Futures(Section):
    """The base's coin in futures: basis, open interest, funding, reported positions."""

    venue: str = Field(min_length=1)
    offshore: str = Field(min_length=1)
    spot: Symbol
    week_close: Publication
    tenors: tuple[Annotated[int, Field(ge=1, le=720)], ...] = Field(min_length=1)
    min_days: int = Field(ge=1, le=60)
    contracts_per_trade: float = Field(ge=1)
    max_wait_hours: float = Field(gt=0, le=24)
    window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5)
    confidence: float = Field(gt=0.5, lt=1)
    open_interest_floor: float = Field(ge=0, lt=1)
    funding_days: int = Field(ge=1, le=90)
    flip_window: int = Field(ge=1, le=365)
    stale_sessions: int = Field(ge=1, le=60)
    report_sessions: int = Field(ge=1, le=60)
    reports: int = Field(ge=10, le=520)
    min_reports: int = Field(ge=5)

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
    multiplier: float = Field(gt=0)
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
    min_observations: int = Field(ge=5)
    stale_sessions: int = Field(ge=0, le=60)


class Notes(Section):
    """Structured notes with a barrier."""

    horizon_sessions: int = Field(ge=1, le=252)
    drift: float = Field(ge=-1, le=1)
    reach: float = Field(ge=0.01, lt=1)
    volatility_window: int = Field(ge=10, le=2520)
    min_observations: int = Field(ge=5)
    indices: dict[Symbol, Symbol]


class FlowAnchor(Section):
    """Assets of a fund at the close before a session, from which its flows are rolled forward."""

    session: datetime.date
    assets_usd_m: float = Field(ge=0)


class Flows(Section):
    """Net flows into exchange-traded funds: expectation, surprise, conflict of vendors."""

    vendor: str = Field(min_length=1)
    total: str = Field(min_length=1)
    anchors: dict[str, FlowAnchor]
    min_assets_usd_m: float = Field(gt=0)
    scale_window: int = Field(ge=5, le=252)
    lags: int = Field(ge=1, le=10)
    volume_window: int = Field(ge=5, le=252)
    window: int = Field(ge=120, le=5040)
    min_observations: int = Field(ge=40)
    every: int = Field(ge=1, le=63)
    history: int = Field(ge=40, le=2520)
    confidence: float = Field(gt=0.5, lt=1)
    cumulative: int = Field(ge=2, le=10)
    run: int = Field(ge=5, le=63)
    conflict_share: float = Field(gt=0)
    conflict_window: int = Field(ge=20, le=504)
    dating_tolerance_usd_m: float = Field(ge=0)
    usual_zero_share: float = Field(ge=0, le=1)
    fresh_sessions: int = Field(ge=0, le=5)
    oldest_sessions: int = Field(ge=1, le=20)


class TradedVolume(Section):
    """Volume against weekday and persistence, and the options traded."""

    window: int = Field(ge=120, le=5040)
    min_observations: int = Field(ge=40)
    every: int = Field(ge=1, le=63)
    history: int = Field(ge=40, le=2520)
    min_snapshots: int = Field(ge=5)
    oldest_snapshot_sessions: int = Field(ge=1, le=60)


class OrganicDemand(Section):
    """Flow that neither open interest nor basis explains."""

    venue: str = Field(min_length=1)
    min_observations: int = Field(ge=20)
    basis_tolerance: float = Field(ge=0, lt=1)


class SessionHours(Section):
    """Where on the clock a move was made."""

    symbol: Symbol
    window: int = Field(ge=10, le=504)
    min_observations: int = Field(ge=5)
    min_move: float = Field(gt=0, lt=1)


class Yen(Section):
    """The yen beside risk assets."""

    symbol: Symbol
    start: float = Field(gt=0)
    slide: int = Field(ge=2, le=20)
    min_assets: int = Field(ge=1)


class Rebound(Section):
    """What the losers regain on the session after."""

    min_assets: int = Field(ge=3)
    min_fall: float = Field(gt=0, lt=1)


class Sigma(Section):
    """How `unwind sigma` reads a sample."""

    threshold_share: float = Field(gt=0, le=0.5)
    min_observations: int = Field(ge=20)
    min_exceedances: int = Field(ge=10)
    confidence: float = Field(gt=0.5, lt=1)


class Verdict(Section):
    """What the verdict looks at; how it weighs that is calibrated (`Calibrated`)."""

    calibration: str = Field(min_length=1)
    window: int = Field(ge=20, le=2520)
    min_observations: int = Field(ge=10)
    class_horizons: tuple[Annotated[int, Field(ge=1, le=21)], ...] = Field(min_length=1)
    sleeve_horizons: tuple[Annotated[int, Field(ge=1, le=21)], ...] = Field(min_length=1)
    class_start: float = Field(ge=0, le=5)
    sleeve_start: float = Field(ge=0, le=5)
    tail_cap: float = Field(gt=0)
    leading: int = Field(ge=1)
    fewest_classes: int = Field(ge=2)
    fewest_sleeves: int = Field(ge=2)
    evidence_cap: float = Field(gt=1, le=10)
    dwell: int = Field(ge=1)
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
    """How `python -m flows calibrate` sets scales and thresholds."""

    deleveraging_entries: float = Field(gt=0, le=50)
    watch_entries: float = Field(gt=0, le=100)
    release_share: float = Field(gt=0, lt=1)
    paths: int = Field(ge=20, le=5000)
    years: int = Field(ge=1, le=100)
    block: float = Field(ge=1, le=252)
    seed: int = Field(ge=0)
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
    """How often ordinary sessions reach a value of one driver (`models.deleveraging.Scale`)."""

    knots: tuple[float, ...]
    mean_excess: float = Field(gt=0)


class ScoreBand(Section):
    """Share of sessions inside an episode among those with a score from here to the next band."""

    lower_score: float
    sessions: int = Field(ge=0)
    inside: int = Field(ge=0)
    share: float = Field(ge=0, le=1)
    lower: float = Field(ge=0, le=1)
    upper: float = Field(ge=0, le=1)


class Calibrated(Section):
    """The artefact of a calibration; part of the settings, so their digest covers it."""

    version: str
    calibrated_to: datetime.date
    data: str
    sessions: int
    scales: dict[str, DriverScale]
    watch: float
    deleveraging: float
    release: float
    watch_rate: float
    deleveraging_rate: float
    deleveraging_rate_lower: float
    deleveraging_rate_upper: float
    bands: tuple[ScoreBand, ...]

    @model_validator(mode="after")
    def _ordered(self) -> Self:
        if not self.release < self.watch < self.deleveraging:
            raise ValueError("thresholds must rise: release < watch < deleveraging")
        return self


class Report(Section):
    """What the desk report draws."""

    history: int = Field(ge=20, le=2520)


class Settings(Section):
    """Everything a run may vary."""

    universe: Universe
    clock: Clock
    publication: Publication
    known_at: dict[str, Lag]
    correlation: Correlation
    correlation_tests: CorrelationTests
    pair_evidence: PairEvidence
    shocks: Shocks
    volatility: Volatility
    changepoint: Changepoint
    systemic: Systemic
    futures: Futures
    options: Options
    notes: Notes
    flows: Flows
    traded_volume: TradedVolume
    organic_demand: OrganicDemand
    hours: SessionHours
    yen: Yen
    rebound: Rebound
    attribution: Attribution
    sigma: Sigma
    verdict: Verdict
    calibration: Calibration
    calibrated: Calibrated
    report: Report

    @model_validator(mode="after")
    def _sleeves_are_measured(self) -> Self:
        measured = set(self.universe.symbols) - set(self.clock.index_levels)
        strangers = {symbol for pair in self.systemic.pairs for symbol in pair} - measured
        if strangers:
            raise ValueError(
                f"systemic.pairs names {sorted(strangers)}, which the universe does not hold as an "
                "investable price; add them to universe.counterparts or drop those pairs"
            )
        return self

    @model_validator(mode="after")
    def _tested_are_counterparts(self) -> Self:
        tests = self.correlation_tests
        named = {*tests.tested, *(symbol for pair in tests.compared for symbol in pair)}
        if strangers := named - set(self.universe.counterparts):
            raise ValueError(
                f"correlation_tests names {sorted(strangers)}, which are no counterparts; "
                "add them to universe.counterparts"
            )
        return self

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical JSON."""
        canonical = json.dumps(self.model_dump(mode="json"), sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(canonical.encode()).hexdigest()[:12]


def load_settings(path: Path | None = None) -> Settings:
    """Read a settings file; ``None`` reads the default desk that ships with the program.

    Raises
    ------
    SettingsError
        The file is missing, is not TOML, misses a key, holds an unknown one or a value out of
        bounds. One sentence a fault, each with the key, the value and what is allowed.
    """
    chosen = path or DEFAULT_PATH
    try:
        raw = tomllib.loads(chosen.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(f"settings file {chosen} does not exist; copy desk.toml") from error
    except OSError as error:
        raise SettingsError(f"settings file {chosen} cannot be read: {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"settings file {chosen} is not valid TOML: {error}") from error
    return parse_settings(raw, origin=chosen.name, folder=chosen.parent)


def _with_calibrated(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Read the calibration that the settings name into them, so that one digest covers both.

    A name without a folder that does not lie beside the settings file is looked for beside the
    default desk: a copied desk keeps the calibration it was copied with.
    """
    named = raw.get("verdict", {}).get("calibration")
    if not isinstance(named, str) or "calibrated" in raw:
        return raw
    path = folder / named
    if not path.exists() and Path(named).name == named:
        path = DEFAULT_PATH.parent / named
    return raw | {"calibrated": read_calibrated(path)}


def read_calibrated(path: Path) -> dict[str, Any]:
    """Read the artefact of a calibration.

    Raises
    ------
    SettingsError
        The file is missing or is no JSON object.
    """
    try:
        held = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise SettingsError(
            f"calibration {path} does not exist; run `python -m flows calibrate` or correct "
            "verdict.calibration"
        ) from error
    except OSError as error:
        raise SettingsError(f"calibration {path} cannot be read: {error.strerror}") from error
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise SettingsError(f"calibration {path} is not valid JSON: {error}") from error
    if not isinstance(held, dict):
        raise SettingsError(f"calibration {path} is no JSON object; calibrate again")
    return held


def parse_settings(
    raw: dict[str, Any], *, origin: str, folder: Path = DEFAULT_PATH.parent
) -> Settings:
    """Build settings from a parsed document.

    `origin` names it in messages; the calibration it names is looked for in `folder`.
    """
    whole = _with_calibrated(raw, folder)
    try:
        return Settings.model_validate(whole)
    except ValidationError as error:
        faults = "; ".join(_sentence(fault) for fault in error.errors())
        raise SettingsError(f"{origin}: {faults}") from error


def _sentence(fault: Any) -> str:
    where = ".".join(str(part) for part in fault["loc"]) or "settings"
    whole = isinstance(fault["input"], dict)
    if fault["type"] == "extra_forbidden":
        known = ", ".join(_known_keys(fault["loc"][:-1]))
        return f"unknown key {where}; known keys here: {known}"
    if fault["type"] == "missing":
        return f"missing key {where}; the default desk.toml shows it"
    told = str(fault["msg"]).removeprefix("Value error, ")
    # A rule that holds several keys together names them itself: its input is the whole section.
    return f"{where}: {told}" if whole else f"{where} = {fault['input']!r}: {told}"


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """The keys of the section at `location`, found by walking the model's fields."""
    model: type[BaseModel] = Settings
    for part in location:
        held = model.model_fields.get(str(part))
        if held is not None:
            # A dict of sections: the key that follows names none of their fields.
            kinds = (*get_args(held.annotation), held.annotation)
            model = next(kind for kind in kinds if isinstance(kind, type) and kind is not str)
    return sorted(model.model_fields)
