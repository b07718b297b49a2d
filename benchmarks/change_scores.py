"""Agreement of detected and annotated change points, by the Turing benchmark's scores."""

import itertools
from collections.abc import Collection, Mapping

import numpy as np

Marks = Collection[int]


def f_measure(annotations: Mapping[str, Marks], detected: Marks, *, margin: int) -> float:
    """F1 of change points against several annotators.

    Parameters
    ----------
    annotations : mapping of str to collection of int
        Annotator → first rows of new segments, 0-based. Row 0 is added to every set.
    detected : collection of int
        Change points in the same convention; row 0 is added.
    margin : int
        Tolerance in rows between a detected and an annotated point.

    Returns
    -------
    float
        Harmonic mean of the precision on the union of all annotators and the recall averaged
        over annotators, in (0, 1].

    Raises
    ------
    ValueError
        There is no annotator, or `margin` is negative.

    References
    ----------
    Van den Burg, Williams (2020), arXiv 2003.06222, section 4.2.
    """
    if not annotations:
        raise ValueError("annotations must hold at least one annotator, got none")
    if margin < 0:
        raise ValueError(f"margin must not be negative, got {margin}")
    marked = [{0, *marks} for marks in annotations.values()]
    points = {0, *detected}
    precision = _matches(set().union(*marked), points, margin) / len(points)
    recall = float(np.mean([_matches(marks, points, margin) / len(marks) for marks in marked]))
    return 2 * precision * recall / (precision + recall)


def covering(annotations: Mapping[str, Marks], detected: Marks, *, n_rows: int) -> float:
    """Covering of the annotated segments by the detected ones, averaged over annotators.

    Parameters
    ----------
    annotations : mapping of str to collection of int
        Annotator → first rows of new segments, 0-based.
    detected : collection of int
        Change points in the same convention.
    n_rows : int
        Rows of the series.

    Returns
    -------
    float
        Mean over annotators of Σ_A (|A|/n)·max_B |A∩B|/|A∪B|, in (0, 1].

    Raises
    ------
    ValueError
        There is no annotator, or a point lies outside the series.

    References
    ----------
    Van den Burg, Williams (2020), arXiv 2003.06222, eq. 1; Arbelaez et al. (2010).
    """
    if not annotations:
        raise ValueError("annotations must hold at least one annotator, got none")
    segments = _segments(detected, n_rows)
    shares = [
        sum(
            (last - first) * max(_overlap(first, last, *segment) for segment in segments)
            for first, last in _segments(marks, n_rows)
        )
        / n_rows
        for marks in annotations.values()
    ]
    return float(np.mean(shares))


def _matches(marked: set[int], points: set[int], margin: int) -> int:
    """Annotated points matched one to one with detected points within the margin."""
    free = set(points)
    matched = 0
    for mark in sorted(marked):
        near = [(abs(mark - point), point) for point in free if abs(mark - point) <= margin]
        if near:
            free.remove(min(near)[1])
            matched += 1
    return matched


def _segments(points: Marks, n_rows: int) -> list[tuple[int, int]]:
    outside = [point for point in points if not 0 <= point < n_rows]
    if outside:
        raise ValueError(f"change points must lie in rows 0…{n_rows - 1}, got {outside[0]}")
    edges = sorted({0, *points, n_rows})
    return list(itertools.pairwise(edges))


def _overlap(first: int, last: int, start: int, end: int) -> float:
    shared = max(0, min(last, end) - max(first, start))
    return shared / (max(last, end) - min(first, start))
