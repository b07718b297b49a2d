"""Small views of the mechanisms whose figures can be checked by hand."""

import numpy as np
import pandas as pd

from features.derivatives import GammaProfile, Zone
from unwind.indicators.mechanisms.views import (
    BarrierView,
    BasisView,
    FlowView,
    GammaView,
    MechanismViews,
)

HOSTILE = "<script>alert(1)</script>"
NEWEST = pd.Timestamp("2026-02-04")
DAYS = pd.bdate_range(end=NEWEST, periods=60)
REASON = "no option chain of IBIT was known by the cut-off"


def gamma(*, flip: float = 35.0) -> GammaView:
    spots = np.linspace(25.0, 47.0, 23)
    central = 2e6 * (spots - 35.0)
    profile = pd.DataFrame(
        {"low": central - 9e6, "central": central, "high": central + 3e6}, index=spots
    )
    return GammaView(
        profile=GammaProfile(
            profile=profile,
            spot=36.0,
            low=-7e6,
            central=2e6,
            high=5e6,
            side="unknown",
            zones=(Zone(lower=25.0, upper=33.5, side="short"),
                   Zone(lower=33.5, upper=39.5, side="unknown"),
                   Zone(lower=39.5, upper=47.0, side="long")),
            flip=flip,
            flip_lower=33.5 if np.isfinite(flip) else np.nan,
            flip_upper=np.inf if np.isfinite(flip) else np.nan,
        ),
        at=pd.Timestamp("2026-02-05T21:00Z"),
    )  # fmt: skip


def basis() -> BasisView:
    def curve(level: float) -> pd.DataFrame:
        return pd.DataFrame(
            {
                "basis": [level, level + 0.01, np.nan, np.nan],
                "error": [0.01, 0.012, np.nan, np.nan],
            },
            index=[30, 60, 90, 120],
        )

    history = pd.DataFrame({"basis": 0.05, "error": 0.004}, index=DAYS)
    history.iloc[-1] = [0.0275, 0.0322]
    history.iloc[20] = np.nan
    return BasisView(
        tenors=(30, 60, 90, 120),
        curves={NEWEST: curve(0.0275), DAYS[-2]: curve(0.034), DAYS[-6]: curve(0.035)},
        history=history,
    )


def flow(*, item: str = "IBIT", vendor: str = "farside") -> FlowView:
    draws = np.random.default_rng(3).normal(0, 100, (len(DAYS), 2))
    rows = pd.DataFrame(draws, DAYS, ["flow", "expected"])
    rows.iloc[-1] = [-373.4, -58.4]
    rows["surprise"] = rows["flow"] - rows["expected"]
    rows["category"] = "agree"
    rows.loc[NEWEST, "category"] = "signs differ"
    rows["conflicted"] = rows["category"] != "agree"
    return FlowView(item=item, vendor=vendor, rows=rows)


def barriers() -> BarrierView:
    edges = 36.0 * (100 + np.arange(-20, 21)) / 100
    notional = np.zeros(40)
    notional[[3, 15, 25]] = [40e6, 60e6, 20e6]
    notes = pd.DataFrame(
        {
            "note": ["A", "B", "C"],
            "barrier": [30.0, 34.3, 38.0],
            "notional": [40e6, 60e6, 20e6],
            "probability": [0.1, 0.6, 1.0],
        }
    )
    return BarrierView(
        spot=36.0,
        density=pd.DataFrame(
            {
                "lower": edges[:-1],
                "upper": edges[1:],
                "percent": np.arange(-20, 20),
                "notional": notional,
            }
        ),
        notes=notes,
        curve=pd.Series(np.linspace(0.1, 1.0, 40), index=edges[:-1]),
        sessions=21,
        knocked_in=5e6,
        volatility="σ 46.6%: DVOL of 2026-02-04",
    )


def views() -> MechanismViews:
    return MechanismViews(gamma=gamma(), basis=basis(), flow=flow(), barriers=barriers())


def no_views(reason: str = REASON) -> MechanismViews:
    return MechanismViews(gamma=reason, basis=reason, flow=reason, barriers=reason)
