"""DCC likelihood: sample, rows at many parameter points, maximum and covariances."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal, cast, get_args

import numpy as np
import pandas as pd

from features._typing import Floats, Integers
from models._checks import varies
from models.dependence._kernels import LANES, corrected_targets, full_rows, pair_rows
from models.errors import NotEnoughData

Kind = Literal["dcc", "cdcc", "adcc"]
Method = Literal["full", "composite"]
Start = Literal["unconditional", "rmgarch"]
Totals = Callable[[Floats], Floats]

PARAMETERS: dict[Kind, tuple[str, ...]] = {
    "dcc": ("a", "b"),
    "cdcc": ("a", "b"),
    "adcc": ("a", "b", "g"),
}
# Beyond this the correlation is a random walk: S and the half-life are not identified.
PERSISTENCE_LIMIT = 1 - 1e-4
# Below this a parameter is at its boundary 0.
MIN_PARAMETER = 1e-5
# Newton's method converges in four to eight steps, or not at all.
MAX_STEPS = 40
# Convergence: the next step would gain less than this log-likelihood.
MIN_GAIN = 1e-7
# Starting values (a, b) of persistent markets, from slow to fast: the best two are starts.
STARTS = ((0.01, 0.98), (0.03, 0.95), (0.05, 0.90), (0.10, 0.70))
# The likelihood often has two local maxima, slow and fast, so these are always starts as well.
FURTHER_STARTS = ((0.02, 0.85), (0.05, 0.50))
# Smallest eigenvalue of the target correlations: below it one asset repeats the others.
MIN_EIGENVALUE = 1e-10
# Residuals of a fitted volatility have a mean square of about 1; percent returns may pass too.
MIN_MEAN_SQUARE, MAX_MEAN_SQUARE = 0.01, 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Inputs of the likelihood; (first, second) are the entries of Q that it visits."""

    z: Floats
    columns: Floats
    kind: Kind
    method: Method
    start: Start
    first: Integers
    second: Integers
    S: Floats
    N_bar: Floats
    delta: float


def prepare(
    residuals: pd.DataFrame, kind: Kind, method: Method, start: Start, min_observations: int
) -> Sample:
    """Check the options, drop incomplete rows, compute the targets; raises as `fit_dcc` says."""
    for name, value, known in (
        ("kind", kind, get_args(Kind)),
        ("method", method, get_args(Method)),
        ("start", start, get_args(Start)),
    ):
        if value not in known:
            raise ValueError(f"{name} must be one of {', '.join(known)}, got {value!r}")
    if kind == "cdcc" and start == "rmgarch":
        raise ValueError("start must be 'unconditional' for kind 'cdcc': rmgarch has no cDCC")
    z = matrix_of(residuals, tuple(residuals.columns))
    z = np.ascontiguousarray(z[np.isfinite(z).all(axis=1)])
    rows, assets = z.shape
    if assets < 2:
        raise ValueError(f"residuals must hold at least 2 assets, got {assets}; add one")
    inverted = method == "full" or kind == "adcc"
    need = max(min_observations, assets + 1 if inverted else 2)
    if rows < need:
        raise NotEnoughData(need=need, got=rows, what=f"{kind} of {assets} assets")
    fall = np.minimum(z, 0.0) * (kind == "adcc")
    if start == "rmgarch":
        S, N_bar = np.cov(z.T), np.cov(fall.T)
    else:
        S, N_bar = z.T @ z / rows, fall.T @ fall / rows
    if still := [name for name, x in zip(residuals.columns, z.T, strict=True) if not varies(x)]:
        raise ValueError(f"residuals must vary, got a constant {still[0]}; leave it out")
    R = correlation_of(S)
    # Of two assets the smallest eigenvalue is 1 − |ρ|.
    least = np.linalg.eigvalsh(R)[0] if inverted else 1 - np.abs(np.diag(R, 1)).max()
    if least < MIN_EIGENVALUE:
        raise ValueError(
            f"correlations must have eigenvalues above {MIN_EIGENVALUE:g}, got {least:.1e}; "
            "leave out the asset that repeats others"
        )
    delta = 0.0
    if kind == "adcc":
        lower = np.linalg.inv(np.linalg.cholesky(S))
        delta = float(np.linalg.eigvalsh(lower @ N_bar @ lower.T)[-1])
    if method == "full":
        first, second = np.triu_indices(assets)
    else:
        first = np.concatenate([np.arange(assets), np.arange(assets - 1)])
        second = np.concatenate([np.arange(assets), np.arange(1, assets)])
    return Sample(
        z=z,
        columns=np.ascontiguousarray(z.T),
        kind=kind,
        method=method,
        start=start,
        first=first.astype(np.int64),
        second=second.astype(np.int64),
        S=S,
        N_bar=N_bar,
        delta=delta,
    )


def require_unit(residuals: pd.DataFrame, sample: Sample) -> None:
    """Refuse columns that are not residuals over their σ: the likelihood takes variance 1."""
    for name, square in zip(residuals.columns, (sample.z**2).mean(axis=0), strict=True):
        if not MIN_MEAN_SQUARE < square < MAX_MEAN_SQUARE:
            raise ValueError(
                f"residuals must have a mean square near 1, got {square:.2g} for {name}; divide "
                "returns by their σ, and look for an absurd one"
            )


def matrix_of(residuals: pd.DataFrame, assets: tuple[str, ...]) -> Floats:
    """The named columns as a contiguous matrix, NaN where missing; infinite values are refused."""
    missing = [name for name in assets if name not in residuals.columns]
    if missing:
        raise ValueError(f"residuals must hold the assets of the fit, got none of {missing}")
    z = np.ascontiguousarray(residuals[list(assets)].to_numpy(dtype=np.float64))
    if np.isinf(z).any():
        raise ValueError(f"residuals must be finite or NaN, got {int(np.isinf(z).sum())} infinite")
    return z


def correlation_of(Q: Floats) -> Floats:
    """diag(Q)^{−½} Q diag(Q)^{−½}."""
    scale = 1 / np.sqrt(np.diag(Q))
    return Q * scale[:, None] * scale[None, :]


def row_likelihoods(sample: Sample, points: Floats, *, presample: float) -> Floats:
    """Correlation part of every row, of shape (n_rows, n_points), at points (a, b, g)."""
    rows = len(sample.z)
    padded = -(-len(points) // LANES) * LANES
    likelihoods = np.empty((rows, padded))
    data = sample.z if sample.method == "full" else sample.columns
    kernel = full_rows if sample.method == "full" else pair_rows
    corrected, asymmetric = sample.kind == "cdcc", sample.kind == "adcc"
    for at in range(0, padded, LANES):
        lanes = points[np.minimum(np.arange(at, at + LANES), len(points) - 1)].T.copy()
        a, b, g = lanes
        S, N_bar = (m[sample.first, sample.second][:, None] for m in (sample.S, sample.N_bar))
        if corrected:
            flat = np.empty(LANES * len(sample.first))
            corrected_targets(sample.columns, sample.first, sample.second, lanes.ravel(), flat)
            S = flat.reshape(-1, LANES)
        intercept = (1 - a - b) * S - g * N_bar
        first = np.broadcast_to(S, intercept.shape).copy()
        if sample.start == "rmgarch":
            first = intercept + b * S + (a + g) * presample**2
        out = np.empty(rows * LANES)
        kernel(data, intercept.ravel(), first.ravel(), lanes.ravel(), corrected, asymmetric, out)
        likelihoods[:, at : at + LANES] = out.reshape(rows, LANES)
    return likelihoods[:, : len(points)]


def targets(sample: Sample, a: float, b: float) -> tuple[Floats, Floats]:
    """S and N̄ as full matrices; S of "cdcc" at (a, b)."""
    if sample.kind != "cdcc":
        return sample.S, sample.N_bar
    assets = len(sample.columns)
    first, second = (indices.astype(np.int64) for indices in np.triu_indices(assets))
    flat = np.empty(LANES * len(first))
    lanes = np.repeat([a, b, 0.0], LANES)
    corrected_targets(sample.columns, first, second, lanes, flat)
    S = np.empty((assets, assets))
    S[first, second] = S[second, first] = flat[::LANES]
    return S, sample.N_bar


def maximise(sample: Sample) -> tuple[Floats, str]:
    """Maximise over (a, b, g); also returns the fault of the optimum ("" if none)."""

    def totals(positions: Floats) -> Floats:
        points = _natural(positions, sample.delta)
        return cast(Floats, row_likelihoods(sample, points, presample=0.0).sum(axis=0))

    grid = np.array([_position(a, b, sample.kind) for a, b in STARTS])
    values = np.nan_to_num(totals(grid), nan=-np.inf)
    further = np.array([_position(a, b, sample.kind) for a, b in FURTHER_STARTS])
    optima: list[tuple[float, Floats, str]] = []
    best = grid[np.argsort(values)[-2:]]
    for start in (*best, *further):
        value, position, fault = _newton(totals, start, sample.delta)
        point = _natural(position[None, :], sample.delta)[0]
        optima.append((value, point, fault or _boundary(point, sample.delta)))
    # Of points equally high, one that converged.
    _, point, fault = max(optima, key=lambda one: (round(one[0], 3), not one[2]))
    return point, fault


def covariances(
    sample: Sample, point: Floats, *, known: bool
) -> tuple[float, dict[str, pd.DataFrame]]:
    """Log-likelihood at `point`, and covariance matrices of (a, b[, g])."""
    names = list(PARAMETERS[sample.kind])
    kinds = ("hessian", "opg", "sandwich") if sample.method == "full" else ("sandwich",)
    blank = pd.DataFrame(np.nan, index=names, columns=names)
    value, free, scores, hessian = slopes(sample, point, known=known)
    # They exist only where the Hessian is negative definite.
    if not (len(free) and np.isfinite(hessian).all() and np.linalg.eigvalsh(-hessian)[0] > 0):
        return value, dict.fromkeys(kinds, blank)
    inverse, products = np.linalg.inv(-hessian), scores.T @ scores
    matrices = {
        "hessian": inverse,
        "opg": np.linalg.pinv(products),
        "sandwich": inverse @ products @ inverse,
    }
    inside = [names[column] for column in free]
    return value, {
        kind: pd.DataFrame(matrices[kind], index=inside, columns=inside).reindex_like(blank)
        for kind in kinds
    }


def slopes(sample: Sample, point: Floats, *, known: bool) -> tuple[float, Integers, Floats, Floats]:
    """Log-likelihood at `point`, its parameters above 0, the scores of the rows and the Hessian."""
    count = len(PARAMETERS[sample.kind])
    free = np.flatnonzero(point[:count] > MIN_PARAMETER) if known else np.empty(0, dtype=np.intp)
    room = (1 - point[0] - point[1] - sample.delta * point[2]) / np.array([1, 1, sample.delta or 1])
    width = 5e-3 * np.minimum(point, room)[free]
    stencil = np.repeat(point[None, :], len(_stencil(width)), axis=0)
    stencil[:, free] += _stencil(width)
    rows = row_likelihoods(sample, stencil, presample=1.0)
    value = float(rows[:, 0].sum())
    if not len(free):
        return value, free, np.empty((len(rows), 0)), np.empty((0, 0))
    _, _, hessian = _derivatives(rows.sum(axis=0), width)
    up, down = np.split(rows[:, 1 : 2 * len(free) + 1], 2, axis=1)
    return value, free, (up - down) / (2 * width), hessian


def _position(a: float, b: float, kind: Kind) -> list[float]:
    """Unconstrained coordinates of (a, b): roots of ratios over b, so 0 is an interior point."""
    roots = [(a / b) ** 0.5, ((1 - a - b) / b) ** 0.5]
    return [roots[0] * 0.7, roots[1], roots[0] * 0.7] if kind == "adcc" else roots


def _natural(positions: Floats, delta: float) -> Floats:
    """(a, b, g) of positions (x, w[, v]): a : b : δg : 1 − persistence = x² : 1 : v² : w²."""
    squares = positions**2
    total = 1 + squares.sum(axis=1)
    g = squares[:, 2] / total / delta if positions.shape[1] == 3 else np.zeros(len(positions))
    return np.column_stack([squares[:, 0] / total, 1 / total, g])


def _boundary(point: Floats, delta: float) -> str:
    a, b, g = point
    if max(a, g) < MIN_PARAMETER:
        return "a at its boundary 0: the correlations show no dynamics, so b is not identified"
    if a + b + delta * g >= PERSISTENCE_LIMIT:
        return f"persistence {a + b + delta * g:.5f} at its boundary 1"
    return ""


def _cornered(position: Floats, gradient: Floats, delta: float) -> bool:
    """Return True at a boundary towards which the likelihood still rises."""
    a, b, g = _natural(position[None, :], delta)[0]
    outward = gradient * position < 0
    static = max(a, g) < MIN_PARAMETER and bool(np.delete(outward, 1).all())
    return static or (a + b + delta * g >= PERSISTENCE_LIMIT and bool(outward[1]))


def _couples(k: int) -> list[tuple[int, int]]:
    return [(i, j) for i in range(k) for j in range(i)]


def _stencil(width: Floats) -> Floats:
    """Steps from a point: none, + each, − each, and ± both of every pair."""
    each = np.diag(width)
    k = len(width)
    both = np.array([each[i] + each[j] for i, j in _couples(k)])
    both = both.reshape(len(both), k)
    return np.vstack([np.zeros((1, k)), each, -each, both, -both])


def _derivatives(values: Floats, width: Floats) -> tuple[float, Floats, Floats]:
    """Value, gradient and Hessian by central differences over a `_stencil`."""
    k = len(width)
    centre, up, down = values[0], values[1 : k + 1], values[k + 1 : 2 * k + 1]
    both, neither = np.split(values[2 * k + 1 :], 2)
    hessian = np.diag((up - 2 * centre + down) / width**2)
    for position_of, (i, j) in enumerate(_couples(k)):
        twist = (
            both[position_of]
            + neither[position_of]
            + 2 * centre
            - up[i]
            - down[i]
            - up[j]
            - down[j]
        )
        hessian[i, j] = hessian[j, i] = twist / (2 * width[i] * width[j])
    return float(centre), (up - down) / (2 * width), hessian


def _newton(totals: Totals, position: Floats, delta: float) -> tuple[float, Floats, str]:
    """Newton's method within a trust region; the last item is the fault, "" if none."""

    def look(at: Floats) -> tuple[float, Floats, Floats]:
        width = 2e-3 * np.maximum(np.abs(at), 0.05)
        return _derivatives(totals(at + _stencil(width)), width)

    value, gradient, hessian = look(position)
    reach = 1.0
    for _ in range(MAX_STEPS):
        if not (np.isfinite(value) and np.isfinite(hessian).all()):
            return -np.inf, position, "the likelihood is not finite where the optimiser begins"
        if _cornered(position, gradient, delta):
            return value, position, ""
        curvature, axes = np.linalg.eigh(-hessian)
        # In a direction of positive curvature, a step of the same length still ascends.
        step = axes @ (axes.T @ gradient / np.maximum(np.abs(curvature), 1e-6))
        gain = 0.5 * float(gradient @ step)
        if gain < MIN_GAIN:
            return value, position + step, ""
        # A coordinate at 0 would stay there, because the slope of a square is 0: it may shrink to a
        # fifth per step, which still reaches a true boundary in a few steps.
        inward = np.where(step * position < 0, 0.8, np.inf)
        limit = np.minimum(inward * np.abs(position), reach * np.maximum(np.abs(position), 0.05))
        share = float(np.min(limit / np.maximum(np.abs(step), 1e-300)))
        step *= min(1.0, share)
        trial = look(position + step)
        if trial[0] > value and np.isfinite(trial[2]).all():
            position, (value, gradient, hessian) = position + step, trial
            reach *= 2
        else:
            reach = float(np.max(np.abs(step) / np.maximum(np.abs(position), 0.05))) / 4
    return value, position, f"the optimiser did not converge in {MAX_STEPS} steps"
