"""Slow obvious twin of `features.correlation.universe`: one pair at a time, with pandas."""

import numpy as np
import pandas as pd


def pair_standing(
    x: pd.Series, y: pd.Series, *, window: int, minimum: int, history: int, change: int, least: int
) -> dict[str, float]:
    """Value, n, change, percentile and z of one pair at the last row."""
    rolled = []
    for end in range(1, len(x) + 1):
        both = pd.concat([x, y], axis=1).iloc[max(0, end - window) : end].dropna()
        enough = end >= window and len(both) >= minimum and (both.max() > both.min()).all()
        rolled.append(np.corrcoef(both.T.to_numpy())[0, 1] if enough else np.nan)
    now, earlier = rolled[-1], pd.Series(rolled[:-1]).iloc[-history:].dropna()
    both = pd.concat([x, y], axis=1).iloc[-window:].dropna()
    told = {"value": now, "n": len(both), "change": np.nan, "percentile": np.nan, "z": np.nan}
    if np.isnan(now):
        return told
    if len(rolled) > change:
        told["change"] = now - rolled[-1 - change]
    if len(earlier) >= least:
        told["percentile"] = float((earlier <= now).mean())
        told["z"] = (now - earlier.mean()) / earlier.std(ddof=1)
    return told
