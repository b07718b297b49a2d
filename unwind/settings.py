"""The desk's settings: frozen, complete, unknown keys refused, and known by their digest."""

import datetime
import hashlib
import json
import tomllib
from math import ceil
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError, model_validator

DEFAULT_PATH = Path(__file__).with_name("desk.toml")

Symbol = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._^=-]{0,23}$")]


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no time zone {name}; write one like America/New_York") from error
    return name


Zone = Annotated[str, AfterValidator(_known_zone)]


class SettingsError(ValueError):
    """The settings file cannot be used; the message names the key, the value and the remedy."""


class Section(BaseModel):
    """One table of the settings file: frozen, and it refuses keys it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


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


class WalkForward(Section):
    """Volatility of a whole universe through history; rows in sessions."""

    model: Literal["garch", "gjr", "egarch"]
    innovation: Literal["normal", "t", "skewt"]
    every: int = Field(ge=1, le=252)
    window: int = Field(ge=100, le=10000)
    min_observations: int = Field(ge=100)

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.window < self.min_observations:
            raise ValueError(
                f"window must be at least min_observations {self.min_observations}, got "
                f"{self.window}"
            )
        return self


class TailRisk(Section):
    """Value at risk and expected shortfall, their backtests, and CoVaR; windows in sessions."""

    levels: tuple[Annotated[float, Field(gt=0, le=0.25)], ...] = Field(min_length=1)
    sessions: int = Field(ge=60, le=2520)
    every: int = Field(ge=1, le=252)
    min_sessions: int = Field(ge=20)
    min_violations: int = Field(ge=2)
    draws: int = Field(ge=99, le=9999)
    seed: int = Field(ge=0)
    covar_level: float = Field(gt=0, le=0.25)
    covar_window: int = Field(ge=100, le=5040)


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


class Sigma(Section):
    """How `unwind sigma` reads a sample."""

    threshold_share: float = Field(gt=0, le=0.5)
    min_observations: int = Field(ge=20)
    min_exceedances: int = Field(ge=10)
    confidence: float = Field(gt=0.5, lt=1)


class Verdict(Section):
    """Score to state."""

    watch: float
    deleveraging: float
    release: float
    dwell: int = Field(ge=1)
    driver_cap: float = Field(gt=0)

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
    tail_risk: TailRisk
    walk_forward: WalkForward
    changepoint: Changepoint
    systemic: Systemic
    sigma: Sigma
    verdict: Verdict
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
    return parse_settings(raw, origin=chosen.name)


def parse_settings(raw: dict[str, Any], *, origin: str) -> Settings:
    """Build settings from a parsed document; `origin` names it in messages."""
    try:
        return Settings.model_validate(raw)
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
        annotation = model.model_fields[str(part)].annotation if part in model.model_fields else Lag
        model = annotation if isinstance(annotation, type) else Lag
    return sorted(model.model_fields)
