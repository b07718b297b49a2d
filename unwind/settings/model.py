"""Settings of a run: every section, and the hash that names them in each row."""

import hashlib
import json
from collections.abc import Iterable
from typing import Any, Self

from pydantic import model_validator

from unwind.errors import did_you_mean
from unwind.settings.attribution import Attribution
from unwind.settings.evidence import (
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
from unwind.settings.mechanisms import (
    Cash,
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
from unwind.settings.plausibility import Plausibility
from unwind.settings.shared import (
    Clock,
    Lag,
    Publication,
    Report,
    Section,
    Universe,
)
from unwind.settings.sources import Sources
from unwind.settings.verdict import (
    Calibrated,
    Calibration,
    Verdict,
)


class Settings(Section):
    """Everything a run may vary."""

    universe: Universe
    clock: Clock
    publication: Publication
    known_at: dict[str, Lag]
    sources: Sources
    plausibility: Plausibility
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
    cash: Cash
    rebound: Rebound
    attribution: Attribution
    regime_models: RegimeModels
    sigma: Sigma
    verdict: Verdict
    calibration: Calibration
    calibrated: Calibrated
    report: Report

    @property
    def symbols(self) -> tuple[str, ...]:
        """Every symbol that the desk measures or that its verdict rests on, each once."""
        universe = self.universe
        return tuple(dict.fromkeys((*universe.symbols, *universe.context, *self.verdict.symbols)))

    @model_validator(mode="after")
    def _tested_are_counterparts(self) -> Self:
        tests = self.correlation_tests
        named = {*tests.tested, *(symbol for pair in tests.compared for symbol in pair)}
        if strangers := named - set(self.universe.counterparts):
            raise ValueError(
                f"correlation_tests names {sorted(strangers)}, which are not counterparts; "
                "add them to universe.counterparts"
                + _nearest(strangers, self.universe.counterparts)
            )
        return self

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits of the SHA-256 of the canonical JSON without two sections.

        `sources`: rows say themselves where they came from; an address or a patience changes no
        figure. `scan`: its output is beside the desk's tables and carries a key of its own.
        """
        return digest_of(self.model_dump(mode="json"))


def _nearest(strangers: Iterable[str], known: Iterable[str]) -> str:
    """Suggest the nearest name of the first stranger."""
    return did_you_mean(min(strangers), known)


def digest_of(terms: dict[str, Any]) -> str:
    """Digest of settings laid out as JSON: what `Settings.digest` of the same settings is."""
    hashed = {name: section for name, section in terms.items() if name not in ("sources", "scan")}
    canonical = json.dumps(hashed, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(canonical.encode()).hexdigest()[:12]
