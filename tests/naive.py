"""Slow, obvious twins of fast routines: what a reader would write on a whiteboard."""

import numpy as np
import pandas as pd


def robust_z(x: np.ndarray, *, window: int, min_observations: int) -> np.ndarray:
    answer = np.full(len(x), np.nan)
    for t in range(len(x)):
        baseline = [value for value in x[max(0, t - window) : t] if not np.isnan(value)]
        if np.isnan(x[t]) or len(baseline) < min_observations:
            continue
        centre = np.median(baseline)
        spread = 1.4826 * np.median([abs(value - centre) for value in baseline])
        if spread > 1e-12 * max(1.0, abs(centre)):
            answer[t] = (x[t] - centre) / spread
    return answer


def worst_since(x: pd.Series) -> pd.Series:
    answer = pd.Series(pd.NaT, index=x.index, dtype="datetime64[us]")
    for t in range(len(x)):
        for earlier in range(t - 1, -1, -1):
            if x.iloc[earlier] < x.iloc[t]:
                answer.iloc[t] = x.index[earlier]
                break
    return answer


def states(
    score: list[float],
    *,
    watch: float,
    deleveraging: float,
    release: float,
    dwell: int,
    cross_asset: list[float] | None = None,
) -> list[str]:
    broad = score if cross_asset is None else cross_asset
    standing = "CALM"
    answer = []
    for t, (value, own) in enumerate(zip(score, broad, strict=True)):
        if np.isnan(value):
            answer.append("UNKNOWN")
            continue
        told = [earlier for earlier in score[: t + 1] if not np.isnan(earlier)]
        quiet = len(told) >= dwell and all(earlier < release for earlier in told[-dwell:])
        if value >= deleveraging and own >= watch:
            standing = "DELEVERAGING"
        elif value >= deleveraging and standing != "DELEVERAGING":
            standing = "DEGROSSING"
        elif standing in ("DELEVERAGING", "DEGROSSING") and value < watch:
            standing = "RELEASE"
        elif standing in ("CALM", "RELEASE") and value >= watch:
            standing = "WATCH"
        elif standing in ("WATCH", "RELEASE") and quiet:
            standing = "CALM"
        answer.append(standing)
    return answer
