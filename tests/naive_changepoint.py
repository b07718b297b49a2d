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


def critical_penalty(signal: Floats, *, min_size: int, most: int) -> float:
    whole = squares(signal, ())
    return max(
        (whole - min(squares(signal, p) for p in segmentations(len(signal), k, min_size))) / k
        for k in range(1, most + 1)
        if segmentations(len(signal), k, min_size)
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
