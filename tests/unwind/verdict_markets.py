"""Drop folders and driver histories for tests of the verdict's record."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from models.verdict import DRIVERS, Episode, Period
from unwind.calendar import sessions_between
from unwind.indicators.verdict import judge
from unwind.settings import Settings
from unwind.simulation.null_market import null_returns, null_volumes
from unwind.studies.episodes import Labels
from unwind.studies.history import WARM_UP, History

FIRST, LAST = pd.Timestamp("2004-11-18").date(), pd.Timestamp("2010-12-31").date()


def episode(acute_start: str, end: str, name: str) -> Episode:
    return Episode(
        name=name, title=name, acute_start=pd.Timestamp(acute_start), end=pd.Timestamp(end)
    )


LABELS = Labels(
    episodes=(
        episode("2007-08-06", "2007-08-10", "quants"),
        episode("2008-09-15", "2008-10-10", "lehman"),
    ),
    calm=(
        Period(name="C", start=pd.Timestamp("2005-06-01"), end=pd.Timestamp("2006-03-31")),
    ),
    others=(
        Period(name="N", start=pd.Timestamp("2010-05-06"), end=pd.Timestamp("2010-05-07")),
    ),
)  # fmt: skip


def simulated_history(*, seed: int = 1, name: str = "simulated", years: int = 6) -> History:
    """Some years of drivers and rules as ordinary as noise, and large in both episodes."""
    sessions = sessions_between(FIRST, LAST.replace(year=LAST.year + years - 6))
    generator = np.random.default_rng(seed)
    drivers = pd.DataFrame(
        np.maximum(generator.standard_t(5, (len(sessions), len(DRIVERS))), 0.0),
        sessions,
        list(DRIVERS),
    )
    rules = {
        rule: pd.Series(generator.exponential(1.0, len(sessions)), sessions)
        for rule in ("VIX level", "joint downside tail")
    }
    for held in LABELS.episodes:
        drivers.loc[held.acute_start : held.end] += 12.0
        rules["joint downside tail"].loc[held.acute_start : held.end] += 12.0
    return History(
        name=name,
        drivers=drivers,
        rules=rules,
        base=pd.Series(100.0, sessions),
        first_scored=sessions[WARM_UP],
    )


def with_returns(history: History, settings: Settings) -> History:
    """The history with returns and volumes of every class, in which nothing happens."""
    rules = settings.verdict
    returns = null_returns(
        rules.classes, rules.spreads, sessions=len(history.drivers), correlation=0.3, freedom=4.0,
        joint_shocks=False, seed=3,
    ).set_axis(history.drivers.index)  # fmt: skip
    return replace(history, returns=returns, shares=null_volumes(returns, seed=3))


def lighter(settings: Settings) -> Settings:
    """The desk with fewer resampled paths: the same rule, more quickly."""
    calibration = settings.calibration.model_copy(update={"paths": 40, "years": 5})
    return settings.model_copy(update={"calibration": calibration})


def verdict(history: History, settings: Settings) -> pd.DataFrame:
    """Score and state of every session with the calibration in force."""
    found = judge(history.drivers, settings)
    return found.states.assign(score=found.scores.score)


def write_labels(folder: Path, **tables: str) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    held: Mapping[str, str] = {
        "deleveraging_episodes": "id,name,acute_start,end\nE1,Autumn,2025-10-10,2025-10-13\n",
        "calm_periods": "id,start,end\nC1,2024-06-03,2024-08-30\n",
    } | tables
    for name, text in held.items():
        (folder / f"{name}.csv").write_text(text, encoding="utf-8")
    return folder
