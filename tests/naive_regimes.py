"""Slow, obvious twins of the regime models: every path of states is visited."""

from itertools import pairwise, product

import numpy as np
from scipy import stats


def paths(states: int, rows: int) -> list[tuple[int, ...]]:
    return list(product(range(states), repeat=rows))


def path_likelihoods(
    values: np.ndarray, means: np.ndarray, covariances: np.ndarray, nu: float,
    transition: np.ndarray, initial: np.ndarray,
) -> dict[tuple[int, ...], float]:  # fmt: skip
    """Joint density of the rows and each path of states; a row with a NaN has density one."""
    answer = {}
    for path in paths(len(means), len(values)):
        density = initial[path[0]]
        for before, after in pairwise(path):
            density *= transition[before, after]
        for row, state in zip(values, path, strict=True):
            if np.isnan(row).any():
                continue
            if np.isinf(nu):
                law = stats.multivariate_normal(means[state], covariances[state])
            else:
                shape = covariances[state] * (nu - 2) / nu
                law = stats.multivariate_t(means[state], shape, df=nu)
            density *= law.pdf(row)
        answer[path] = density
    return answer


def smoothed(likelihoods: dict[tuple[int, ...], float], states: int) -> np.ndarray:
    """P(S_t | all rows) by counting paths; its last row is the filtered one."""
    rows = len(next(iter(likelihoods)))
    answer = np.zeros((rows, states))
    for path, weight in likelihoods.items():
        for t, state in enumerate(path):
            answer[t, state] += weight
    return answer / sum(likelihoods.values())


def jump_loss(
    values: np.ndarray, centres: np.ndarray, path: tuple[int, ...], penalty: float
) -> float:
    known = ~np.isnan(values).any(axis=1)
    gaps = 0.5 * ((values - centres[list(path)]) ** 2).sum(axis=1)
    return float(gaps[known].sum() + penalty * np.count_nonzero(np.diff(path)))


def best_jump_path(
    values: np.ndarray, states: int, penalty: float
) -> tuple[float, tuple[int, ...], np.ndarray]:
    """Least loss over all paths, each with the means of its own states."""
    best: tuple[float, tuple[int, ...], np.ndarray] | None = None
    for path in paths(states, len(values)):
        labels = np.array(path)
        if len(set(path)) < states:
            continue
        centres = np.array([values[labels == state].mean(axis=0) for state in range(states)])
        loss = jump_loss(values, centres, path, penalty)
        if best is None or loss < best[0]:
            best = loss, path, centres
    assert best is not None
    return best


def online_state(values: np.ndarray, centres: np.ndarray, penalty: float) -> int:
    """Last state of the cheapest path of the rows so far."""
    return min(
        paths(len(centres), len(values)),
        key=lambda path: jump_loss(values, centres, path, penalty),
    )[-1]
