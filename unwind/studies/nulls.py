"""The verdict on simulated null markets."""

from datetime import date
from typing import Any

import pandas as pd

from features.constants import SESSIONS_PER_YEAR
from models.verdict import RAISED, evaluate_rule, poisson_interval
from unwind.indicators.drivers import driver_history
from unwind.indicators.verdict import is_two_sided, judge
from unwind.settings import Settings
from unwind.simulation.null_market import null_returns, null_volumes
from unwind.simulation.source import SimulatedSource
from unwind.studies.history import WARM_UP, read_history

# Correlation of two classes, whether all shocks of a session are common, and volatility clusters.
NULL_MARKETS = (
    (0.3, False, False),
    (0.5, False, False),
    (0.3, False, True),
    (0.3, True, False),
    (0.3, True, True),
)
NULL_FREEDOM = 4.0
# Simulated markets in which volatility triples at the event and correlation stays.
N_SEEDS = 5
FIRST, LAST, EVENT = date(2024, 2, 1), date(2026, 3, 20), pd.Timestamp("2026-02-05")
RECEIVED = pd.Timestamp("2026-04-01", tz="UTC")


def null_run(*, years: int, settings: Settings) -> list[dict[str, Any]]:
    """Run the settings' verdict over simulated null markets.

    Parameters
    ----------
    years : int
        Length of each market, in years of 252 sessions.
    settings : Settings

    Returns
    -------
    list of dict
        As JSON, one per market: false alarms per year with an exact Poisson interval, and the
        share of entries that carry the warning of two-sided volatility. The first is the null of
        the target rate; the others show where that rate does not hold.
    """
    verdict = settings.verdict
    answer = []
    for number, (correlation, joint_shocks, clusters) in enumerate(NULL_MARKETS):
        returns = null_returns(
            verdict.classes, verdict.spreads, sessions=years * SESSIONS_PER_YEAR + WARM_UP,
            correlation=correlation, freedom=NULL_FREEDOM, joint_shocks=joint_shocks,
            clusters=clusters, seed=settings.calibration.seed + number,
        )  # fmt: skip
        volumes = null_volumes(returns, seed=settings.calibration.seed + number)
        judgement, mirrored = (
            judge(driver_history(sign * returns, volumes, pd.DataFrame(), chosen=verdict), settings)
            for sign in (1, -1)
        )
        raised = judgement.states["state"].isin(RAISED)
        warned = is_two_sided(mirrored.scores.cross_asset, settings).iloc[WARM_UP:]
        raised = raised.iloc[WARM_UP:]
        entries = raised & ~raised.shift(1, fill_value=False)
        record = evaluate_rule(raised, episodes=(), quiet=settings.calibration.quiet)
        n = len(record.false_alarms)
        lower, upper = poisson_interval(n, float(years))
        answer.append(
            {
                "correlation": correlation,
                "freedom": NULL_FREEDOM,
                "joint_shocks": joint_shocks,
                "clusters": clusters,
                "years": years,
                "entries": n,
                "entries_a_year": round(n / years, 3),
                "interval": [round(lower, 3), round(upper, 3)],
                "warned": round(float(warned[entries].mean()), 3) if entries.any() else 0.0,
                "stated": settings.calibration.deleveraging_entries,
            }
        )
    return [*answer, _volatility_only(settings)]


def _volatility_only(settings: Settings) -> dict[str, Any]:
    """Run the scenario in which volatility triples overnight and nothing else changes."""
    n, warned, years = 0, 0, 0.0
    for seed in range(1, N_SEEDS + 1):
        source = SimulatedSource(
            "volatility_only", seed=seed, first=FIRST, last=LAST, event=EVENT.date()
        )
        history = read_history(
            source, name="volatility_only", received_at=RECEIVED, settings=settings
        )
        raised = judge(history.drivers, settings).states["state"].isin(RAISED)
        mirrored = driver_history(
            -history.returns, history.shares, history.factors.iloc[:0], chosen=settings.verdict
        )
        flags = is_two_sided(judge(mirrored, settings).scores.cross_asset, settings)
        entries = (raised & ~raised.shift(1, fill_value=False)).loc[EVENT:]
        n += len(evaluate_rule(raised.loc[EVENT:], episodes=()).false_alarms)
        warned += int((entries & flags.loc[EVENT:]).sum())
        years += len(entries) / SESSIONS_PER_YEAR
    lower, upper = poisson_interval(n, years)
    return {
        "scenario": "volatility_only", "seeds": N_SEEDS,
        "years": round(years, 2), "entries": n, "entries_a_year": round(n / years, 3),
        "interval": [round(lower, 3), round(upper, 3)],
        "warned": round(warned / max(n, 1), 3),
        "stated": settings.calibration.deleveraging_entries,
    }  # fmt: skip
