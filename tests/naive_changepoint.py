"""Slow obvious twins of the change-point searches, scores and detectors: one line at a time."""

import itertools
import math

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def segmentations(n: int, breaks: int, min_size: int) -> list[tuple[int, ...]]:
    """Every way to cut n rows at `breaks` places."""
    return [
        places
        for places in itertools.combinations(range(1, n), breaks)
        if min(np.diff([0, *places, n])) >= min_size
    ]


def squares(signal: Floats, places: tuple[int, ...]) -> float:
    edges = [0, *places, len(signal)]
    total = 0.0
    for start, end in itertools.pairwise(edges):
        piece = signal[start:end]
        total += float(((piece - piece.mean(axis=0)) ** 2).sum())
    return total


def best_segmentation(signal: Floats, breaks: int, min_size: int) -> tuple[int, ...]:
    return min(
        segmentations(len(signal), breaks, min_size), key=lambda places: squares(signal, places)
    )


def pelt_default(values: Floats) -> list[int]:
    """R's cpt.mean(scale(x), method = "PELT"): MBIC, normal, variance taken as 1.

    Killick, Eckley (2014); the MBIC cost adds ln(length) a segment, the penalty is 3·ln n.
    """
    n = len(values)
    x = (values - values.mean()) / values.std(ddof=1)
    sums = [0.0, *np.cumsum(x)]
    raw = [0.0, *np.cumsum(x * x)]
    penalty = 3 * math.log(n)
    best = [-penalty] + [math.inf] * n
    origin = [0] * (n + 1)
    for end in range(1, n + 1):
        for start in range(end):
            length = end - start
            cost = raw[end] - raw[start] - (sums[end] - sums[start]) ** 2 / length
            value = best[start] + cost + math.log(length) + penalty
            if value < best[end]:
                best[end], origin[end] = value, start
    places = []
    end = n
    while origin[end] > 0:
        end = origin[end]
        places.append(end)
    return places[::-1]


def covering(annotations: dict[str, list[int]], found: list[int], n: int) -> float:
    def groups(points: list[int]) -> list[set[int]]:
        edges = sorted({0, *points, n})
        return [set(range(a, b)) for a, b in itertools.pairwise(edges)]

    total = 0.0
    for marks in annotations.values():
        for rows in groups(marks):
            jaccard = max(len(rows & other) / len(rows | other) for other in groups(found))
            total += len(rows) / n * jaccard
    return total / len(annotations)


def glr(values: Floats, mean: float | None) -> list[tuple[float, int]]:
    """Every place is tried on every row."""
    answer = []
    for t in range(1, len(values) + 1):
        best, where = 0.0, -1
        for tau in range(0 if mean is not None else 1, t):
            after = values[tau:t]
            if mean is not None:
                value = (after - mean).sum() ** 2 / len(after)
            else:
                before, whole = values[:tau], values[:t]
                value = ((whole - whole.mean()) ** 2).sum() - sum(
                    ((part - part.mean()) ** 2).sum() for part in (before, after)
                )
            if value > best + 1e-12:
                best, where = float(value), tau
        answer.append((best, where))
    return answer


def run_lengths(
    values: Floats, *, hazard: float, mean: float, weight: float, shape: float, scale: float
) -> list[dict[int, float]]:
    """Posterior of the regime's first row, each regime's evidence from all of its rows at once."""

    def evidence(rows: Floats) -> float:
        n = len(rows)
        if n == 0:
            return 0.0
        spread = ((rows - rows.mean()) ** 2).sum()
        posterior = (
            scale + 0.5 * spread + 0.5 * weight * n * (rows.mean() - mean) ** 2 / (weight + n)
        )
        return float(
            math.lgamma(shape + n / 2) - math.lgamma(shape)
            + shape * math.log(scale) - (shape + n / 2) * math.log(posterior)
            + 0.5 * math.log(weight / (weight + n)) - n / 2 * math.log(2 * math.pi)
        )  # fmt: skip

    # ln P(rows before j, a regime begins at j): summed over where the regime before it began.
    begins = [0.0]
    answer = []
    for t in range(1, len(values) + 1):
        joint = {
            j: begins[j] + (t - 1 - j) * math.log1p(-hazard) + evidence(values[j:t])
            for j in range(t)
        }
        top = max(joint.values())
        total = sum(math.exp(v - top) for v in joint.values())
        answer.append({j: math.exp(v - top) / total for j, v in joint.items()})
        begins.append(top + math.log(total) + math.log(hazard))
    return answer


def shiryaev_roberts(values: Floats, bets: list[tuple[float, float]]) -> list[float]:
    """M_t as the sum over starts of the product of all increments since."""
    answer = []
    for t in range(1, len(values) + 1):
        total = 0.0
        for bet, mean in bets:
            for start in range(t):
                total += math.prod(1 + bet * (x - mean) for x in values[start:t])
        answer.append(total / len(bets))
    return answer
