"""The desk's settings: frozen, complete, unknown keys refused, and known by their digest."""

import hashlib
import json
import sys
import tomllib
from pathlib import Path
from typing import Any, Self, get_args

from pydantic import BaseModel, ValidationError, model_validator

from unwind.sections.attribution import Attribution
from unwind.sections.evidence import (
    Changepoint,
    Correlation,
    CorrelationTests,
    PairEvidence,
    RegimeModels,
    Scan,
    Shocks,
    Sigma,
    Systemic,
    TailRisk,
    Volatility,
    WalkForward,
)
from unwind.sections.mechanisms import (
    Flows,
    Futures,
    Notes,
    Options,
    OrganicDemand,
    Rebound,
    SessionHours,
    TradedVolume,
    Yen,
)
from unwind.sections.shared import (
    Clock,
    Lag,
    Publication,
    Report,
    Section,
    Universe,
)
from unwind.sections.sources import Sources
from unwind.sections.verdict import (
    Calibrated,
    Calibration,
    Verdict,
)

DEFAULT_PATH = Path(__file__).with_name("desk.toml")


class SettingsError(ValueError):
    """The settings file cannot be used; the message names the key, the value and the remedy."""


class Settings(Section):
    """Everything a run may vary."""

    universe: Universe
    clock: Clock
    publication: Publication
    known_at: dict[str, Lag]
    sources: Sources
    correlation: Correlation
    correlation_tests: CorrelationTests
    pair_evidence: PairEvidence
    shocks: Shocks
    volatility: Volatility
    tail_risk: TailRisk
    walk_forward: WalkForward
    scan: Scan
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
    regime_models: RegimeModels
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
        """Twelve hexadecimal digits of the SHA-256 of the canonical JSON without two sections.

        `sources`: rows say themselves where they came from; an address or a patience changes no
        figure. `scan`: its output stands beside the desk's tables and carries a key of its own.
        """
        return digest_of(self.model_dump(mode="json"))


def digest_of(terms: dict[str, Any]) -> str:
    """Digest of settings laid out as JSON: what `Settings.digest` of the same settings is."""
    told = {name: section for name, section in terms.items() if name not in ("sources", "scan")}
    canonical = json.dumps(told, sort_keys=True, ensure_ascii=False)
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
    except RecursionError as error:
        raise SettingsError(
            f"settings file {chosen} nests too deeply; write it as desk.toml shows"
        ) from error
    # TOMLDecodeError, bytes outside UTF-8, and an integer of more digits than Python reads.
    except ValueError as error:
        raise SettingsError(f"settings file {chosen} is not valid TOML: {error}") from error
    return parse_settings(raw, origin=chosen.name, folder=chosen.parent)


def _with_calibrated(raw: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Read the calibration that the settings name into them, so that one digest covers both.

    A name without a folder that does not lie beside the settings file is looked for beside the
    default desk: a copied desk keeps the calibration it was copied with.
    """
    verdict = raw.get("verdict")
    named = verdict.get("calibration") if isinstance(verdict, dict) else None
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
    except RecursionError as error:
        raise SettingsError(f"calibration {path} nests too deeply; calibrate again") from error
    except ValueError as error:
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
        if where.startswith("calibrated."):
            return f"missing key {where}; calibrate again"
        return f"missing key {where}; the default desk.toml shows it"
    told = str(fault["msg"]).removeprefix("Value error, ")
    # A rule that holds several keys together names them itself: its input is the whole section.
    return f"{where}: {told}" if whole else f"{where} = {_shown(fault['input'])}: {told}"


def _shown(value: object) -> str:
    """Show a value in a message, shortened; hexadecimal TOML integers may be too long to print."""
    try:
        return f"{value!r:.200}"
    except ValueError:
        return f"an integer of more than {sys.get_int_max_str_digits()} digits"


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
