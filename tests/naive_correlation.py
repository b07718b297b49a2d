"""Slow, obvious twins of the correlation engine, in long double and two passes."""

import numpy as np


def pearson(x: np.ndarray, y: np.ndarray) -> float:
    x, y = x.astype(np.longdouble), y.astype(np.longdouble)
    a, b = x - x.mean(), y - y.mean()
    size = np.sqrt((a * a).sum()) * np.sqrt((b * b).sum())
    return float((a * b).sum() / size) if size > 0 else np.nan


def rolling(x: np.ndarray, y: np.ndarray, *, window: int, min_observations: int) -> np.ndarray:
    answer = np.full(len(x), np.nan)
    for t in range(window - 1, len(x)):
        first, second = x[t - window + 1 : t + 1], y[t - window + 1 : t + 1]
        both = np.isfinite(first) & np.isfinite(second)
        if both.sum() >= min_observations:
            answer[t] = pearson(first[both], second[both])
    return answer


def ewma(x: np.ndarray, y: np.ndarray, *, half_life: float, min_observations: int) -> np.ndarray:
    answer = np.full(len(x), np.nan)
    for t in range(len(x)):
        both = np.isfinite(x[: t + 1]) & np.isfinite(y[: t + 1])
        if not both[-1] or both.sum() < min_observations:
            continue
        weight = 0.5 ** ((t - np.flatnonzero(both)) / half_life)
        first, second = x[: t + 1][both], y[: t + 1][both]
        a = first - np.average(first, weights=weight)
        b = second - np.average(second, weights=weight)
        size = np.sqrt((weight * a * a).sum() * (weight * b * b).sum())
        answer[t] = (weight * a * b).sum() / size
    return answer


def rolling_all_at_once(
    x: np.ndarray, y: np.ndarray, *, window: int, min_observations: int
) -> np.ndarray:
    """`rolling` over a view of all windows: long double and two passes, in a second, not in ten."""
    windows = np.lib.stride_tricks.sliding_window_view
    both = np.isfinite(x) & np.isfinite(y)
    used = windows(both.astype(np.longdouble), window)
    n = used.sum(axis=1)
    deviations = []
    for side in (x, y):
        kept = windows(np.where(both, side, 0).astype(np.longdouble), window)
        mean = kept.sum(axis=1) / np.maximum(n, 1)
        deviations.append((kept - mean[:, None]) * used)
    a, b = deviations
    with np.errstate(invalid="ignore"):
        value = (a * b).sum(axis=1) / np.sqrt((a * a).sum(axis=1)) / np.sqrt((b * b).sum(axis=1))
    value = np.where(n >= min_observations, value, np.nan).astype(float)
    return np.concatenate([np.full(window - 1, np.nan), value])
