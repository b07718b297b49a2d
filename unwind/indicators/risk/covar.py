"""Measures of the table `systemic` on tail dependence: CoVaR and ΔCoVaR, both directions."""

import numpy as np
import pandas as pd

from models.dependence import CoVaR, pair_covar
from models.errors import NotEnoughData
from unwind.indicators.risk.measure import Measure
from unwind.settings import Settings


def covar_measures(returns: pd.DataFrame, settings: Settings) -> list[Measure]:
    """CoVaR and ΔCoVaR of the base and each counterpart; rows up to the session are used."""
    chosen, base = settings.tail_risk, settings.universe.base
    rows = returns.iloc[-chosen.covar_window :]
    rows = rows.where(np.isfinite(rows))
    measures: list[Measure] = []
    for asset in [name for name in returns.columns if name != base]:
        items = (f"{asset}|{base}", f"{base}|{asset}")
        try:
            pair = pair_covar(
                rows[base].to_numpy(), rows[asset].to_numpy(), level=chosen.covar_level,
                min_observations=settings.volatility.min_observations,
            )  # fmt: skip
        except NotEnoughData as error:
            found: tuple[CoVaR | str, CoVaR | str] = (str(error), str(error))
        else:
            found = (pair.asset_given_base, pair.base_given_asset)
        for item, one in zip(items, found, strict=True):
            measures += _both(item, one, chosen.covar_window)
    return measures


def _both(item: str, found: CoVaR | str, window: int) -> list[Measure]:
    """CoVaR and ΔCoVaR of one direction, losses positive; null with the reason where it fails."""
    figures: tuple[float | None, float | None] = (None, None)
    detail: str | None = None
    reason: str | None
    if isinstance(found, str):
        reason = found
    else:
        figures, reason = (found.covar, found.delta), found.reason
        detail = f"level {found.level:g}, {found.n} joint sessions; a loss is positive"
    return [
        Measure(
            measure=name,
            item=item,
            window=window,
            value=np.nan if value is None else value,
            unit="log return",
            n=2,
            detail=detail,
            reason=reason,
        )
        for name, value in zip(("covar_loss", "delta_covar_loss"), figures, strict=True)
    ]
