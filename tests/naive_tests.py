"""Slow obvious twins of the correlation tests: one line of the paper at a time, no vectorising."""

import itertools
import math

import numpy as np
from numpy.typing import NDArray
from scipy import stats

Floats = NDArray[np.float64]


def correlation(x: Floats, y: Floats) -> float:
    return float(np.asarray(np.corrcoef(x, y))[0, 1])


def pseudo_values(x: Floats, y: Floats) -> Floats:
    n = len(x)
    whole = math.atanh(correlation(x, y))
    return np.array(
        [
            (n - 1) * (whole - math.atanh(correlation(np.delete(x, i), np.delete(y, i))))
            for i in range(n)
        ]
    )


def cosine_variance(values: Floats, cosines: int = 8) -> float:
    n = len(values)
    total = 0.0
    for j in range(1, cosines + 1):
        projection = sum(v * math.cos(math.pi * j * (t + 0.5) / n) for t, v in enumerate(values))
        total += (math.sqrt(2 / n) * projection) ** 2
    return total / cosines


def robust_interval(x: Floats, y: Floats, *, confidence: float) -> tuple[float, float]:
    pairs = [(a, b) for a, b in zip(x, y, strict=True) if not (math.isnan(a) or math.isnan(b))]
    if len(pairs) < 16:
        return math.nan, math.nan
    a, b = np.array(pairs).T
    z = math.atanh(correlation(a, b))
    error = math.sqrt(cosine_variance(pseudo_values(a, b)) / (len(pairs) - 3))
    half = float(stats.t.ppf((1 + confidence) / 2, 8)) * error
    return math.tanh(z - half), math.tanh(z + half)


def wied_kraemer_dehling(x: Floats, y: Floats) -> tuple[float, int]:
    """Statistic and rows before the break, by the paper's matrices D₁, D₂, D₃ (appendix A.1)."""
    n = len(x)
    raw = np.column_stack([x * x, y * y, x, y, x * y])
    moments = raw - raw.mean(axis=0)
    gamma = int(math.log(n))
    d1 = np.zeros((5, 5))
    for t, u in itertools.product(range(n), range(n)):
        weight = max(0.0, 1 - abs(t - u) / gamma)
        if weight:
            d1 += weight * np.outer(moments[t], moments[u]) / n
    mx, my = x.mean(), y.mean()
    d2 = np.array([[1, 0, -2 * mx, 0, 0], [0, 1, 0, -2 * my, 0], [0, 0, -my, -mx, 1]])
    vx, vy, cov = x.var(), y.var(), ((x - mx) * (y - my)).mean()
    sx, sy = math.sqrt(vx), math.sqrt(vy)
    d3 = np.array([-cov / (2 * sy * sx**3), -cov / (2 * sx * sy**3), 1 / (sx * sy)])
    d = 1 / math.sqrt(d3 @ d2 @ d1 @ d2.T @ d3)
    whole = correlation(x, y)
    path = {j: j / math.sqrt(n) * abs(correlation(x[:j], y[:j]) - whole) for j in range(2, n)}
    last = max(path, key=lambda j: path[j])
    return d * path[last], last


def local_volatility(values: Floats, half_life: float = 10) -> Floats:
    answer = []
    for t in range(len(values)):
        others = [s for s in range(len(values)) if s != t]
        weights = [0.5 ** (abs(s - t) / half_life) for s in others]
        answer.append(math.sqrt(np.average(values[others] ** 2, weights=weights)))
    return np.array(answer)


def over_local_volatility(values: Floats) -> Floats:
    centred = values - values.mean()
    ratio = centred / local_volatility(centred)
    return (ratio - ratio.mean()) / ratio.std()


def exceedance(x: Floats, y: Floats, level: float) -> tuple[float, int]:
    inside = [(a, b) for a, b in zip(x, y, strict=True) if a > level and b > level]
    return correlation(*np.array(inside).T), len(inside)


def hong_tu_zhou(x: Floats, y: Floats, levels: tuple[float, ...]) -> float:
    """J with ξ, γ̂ and Ω̂ written out as sums."""
    n = len(x)
    a, b = (x - x.mean()) / x.std(), (y - y.mean()) / y.std()
    difference, xi = [], np.zeros((n, len(levels)))
    for k, level in enumerate(levels):
        gap = 0.0
        for sign in (1, -1):
            rows = [t for t in range(n) if sign * a[t] > level and sign * b[t] > level]
            rho = correlation(a[rows], b[rows])
            gap += sign * rho
            for t in rows:
                one = (a[t] - a[rows].mean()) / a[rows].std()
                two = (b[t] - b[rows].mean()) / b[rows].std()
                xi[t, k] += sign * n / len(rows) * (one * two - rho)
        difference.append(gap)
    lags = int(4 * (n / 100) ** (2 / 9))
    omega = np.zeros((len(levels), len(levels)))
    for lag in range(-lags, lags + 1):
        for t in range(abs(lag), n):
            now, then = (t, t - lag) if lag >= 0 else (t + lag, t)
            omega += (1 - abs(lag) / (lags + 1)) * np.outer(xi[now], xi[then]) / n
    gaps = np.array(difference)
    return float(n * gaps @ np.linalg.inv(omega) @ gaps)
