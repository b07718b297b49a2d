"""Slow, obvious twins of the verdict: its drivers, its score, its entries, its thresholds."""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from models.verdict import Scale


def scaled_moves(
    returns: pd.DataFrame, *, horizon: int, window: int, min_observations: int
) -> pd.DataFrame:
    answer = pd.DataFrame(np.nan, index=returns.index, columns=returns.columns)
    for name in returns.columns:
        values = returns[name].tolist()
        sums = [
            sum(values[t - horizon + 1 : t + 1]) if t >= horizon - 1 else math.nan
            for t in range(len(values))
        ]
        for t in range(len(values)):
            before = [x for x in sums[max(0, t - window) : t] if not math.isnan(x)]
            if len(before) < min_observations or max(before) == min(before):
                continue
            answer.loc[returns.index[t], name] = sums[t] / np.std(before, ddof=1)
    return answer


def joint_tail(
    moves: Sequence[Mapping[str, float]], *, start: float, cap: float, fewest: int
) -> float:
    """One session; `moves` holds one dict of moves a horizon."""
    total, count = 0.0, 0
    for name, first in moves[0].items():
        if math.isnan(first):
            continue
        count += 1
        for horizon in moves:
            if not math.isnan(horizon[name]):
                total += min(max(-start - horizon[name], 0.0), cap)
    return total / math.sqrt(count) if count >= fewest else math.nan


def score(
    values: Mapping[str, float],
    scales: Mapping[str, Scale],
    weights: Mapping[str, float],
    *,
    cap: float,
) -> float:
    """By probabilities: the share of ordinary sessions that reach each value."""
    if all(math.isnan(value) for value in values.values()):
        return math.nan
    inverse, total = 0.0, 0.0
    for name, value in values.items():
        knots = (0.0, *scales[name].knots)
        shares = (1.0, 0.25, 0.10, 0.05)
        if math.isnan(value):
            probability = 1.0
        elif value >= knots[-1]:
            shape = scales[name].shape
            excess = (value - knots[-1]) / (scales[name].mean_excess * (1 - shape))
            probability = 0.05 * (
                (1 + shape * excess) ** (-1 / shape) if shape else math.exp(-excess)
            )
        else:
            place = max(i for i in range(3) if value >= knots[i])
            part = (value - knots[place]) / (knots[place + 1] - knots[place])
            probability = math.exp(
                (1 - part) * math.log(shares[place]) + part * math.log(shares[place + 1])
            )
        inverse += weights[name] / max(probability, 10.0**-cap)
        total += weights[name]
    return -math.log10(total / inverse)


def entries(raised: Sequence[bool], *, quiet: int) -> list[int]:
    """Places that are raised after `quiet` sessions that are not."""
    return [t for t in range(len(raised)) if raised[t] and not any(raised[max(0, t - quiet) : t])]


def false_alarms(outside: Sequence[bool], *, quiet: int) -> list[int]:
    """Walk along: a stretch ends after more than `quiet` sessions without an alarm."""
    places, start, last = [], -1, -1
    for t, alarm in enumerate(outside):
        if not alarm:
            continue
        if start < 0 or t - last > quiet:
            start = t
            places.append(t)
        else:
            # Another ten sessions begin between the last alarm and this one.
            places += [p for p in range(last + 1, t + 1) if (p - start) % 10 == 0]
        last = t
    return places


def lowest_threshold(
    values: pd.Series, near: Sequence[bool], grid: Sequence[float], *, allowed: float, quiet: int
) -> float:
    """Walk down the grid while the false entries keep to what is allowed."""
    chosen = math.inf
    for threshold in sorted(grid, reverse=True):
        raised = [value >= threshold for value in values]
        outside = [alarm and not inside for alarm, inside in zip(raised, near, strict=True)]
        if len(false_alarms(outside, quiet=quiet)) > allowed:
            break
        chosen = threshold
    return chosen
