"""Slow obvious twins of the change-point search and detectors: one line at a time."""

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
