"""Random processes of the simulation: seeded streams, fat tails, persistence, clustering."""

import zlib
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
TAIL = 6.0  # degrees of freedom of the Student-t innovations


def stream(seed: int, name: str) -> np.random.Generator:
    """Return the random numbers of one use: a stream named after it, drawn in order of time."""
    return np.random.Generator(np.random.PCG64([seed, zlib.crc32(name.encode())]))


def student(generator: np.random.Generator, shape: tuple[int, ...]) -> Floats:
    """Draw Student-t innovations of unit variance, rows in time order."""
    draws: Floats = generator.standard_t(TAIL, shape) / np.sqrt(TAIL / (TAIL - 2))
    return draws


def autoregression(shocks: Floats, *, persistence: float) -> Floats:
    """Return x_t = persistence·x_{t−1} + shock_t along the first axis, started at zero."""
    path: Floats = np.array(
        list(accumulate(shocks, lambda state, shock: persistence * state + shock))
    )
    return path


def conditional_variance(shocks: Floats, *, alpha: float, beta: float) -> Floats:
    """Return GARCH(1,1) variances over their mean (Bollerslev 1986, equation 6).

    Shocks have unit variance. There is one row more than shocks: row t uses shocks before t, and
    the last is the forecast of the step after them.
    """
    growth = alpha * shocks**2 + beta
    variance = np.ones((len(shocks) + 1, *shocks.shape[1:]))
    for row in range(len(shocks)):
        variance[row + 1] = (1 - alpha - beta) + variance[row] * growth[row]
    return variance


def anchored(moves: Floats, *, level: float, at: int) -> Floats:
    """Return levels along log moves, exactly `level` after move `at`.

    There is one row more than moves: the first is the level ahead of the first move.
    """
    logs = np.concatenate(([0.0], np.cumsum(moves)))
    levels: Floats = level * np.exp(logs - logs[at + 1])
    return levels


def log_changes(levels: Floats) -> Floats:
    """Return log changes; zero in the first row."""
    changes: Floats = np.diff(np.log(levels), prepend=np.log(levels[0]))
    return changes
