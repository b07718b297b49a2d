"""Conditional correlation of standardised residuals: DCC, cDCC and ADCC, the second stage alone.

The first stage is any univariate volatility model: give its residuals over its σ, z = ε/σ. All
three kinds follow, with R_t = diag(Q_t)^{−½} Q_t diag(Q_t)^{−½},

    Q_t = (1 − a − b)S − gN̄ + a u_{t−1}u'_{t−1} + g n_{t−1}n'_{t−1} + bQ_{t−1}

- "dcc" (Engle 2002, Journal of Business & Economic Statistics 20, section 3): u = z, g = 0.
- "cdcc" (Aielli 2013, same journal 31): u = diag(Q)^½z, g = 0; S is the mean of uu' scaled to a
  unit diagonal, so it moves with (a, b).
- "adcc" (Cappiello–Engle–Sheppard 2006, Journal of Financial Econometrics 4, scalar form): u = z,
  n = min(z, 0), N̄ the mean of nn'.

Missing rows. A row with a NaN in any asset is skipped, as if the market had not traded: it enters
no sum and leaves the state unchanged. An asset that listed late therefore restricts the sample of
all to its own history; exclude it for the longer sample.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from features._typing import Floats, Integers
from models._reports import short_repr, standard_errors, summary
from models.dependence._kernels import filter_rows
from models.dependence._likelihood import (
    Kind,
    Method,
    Start,
    covariances,
    matrix_of,
    maximise,
    prepare,
    require_unit,
    targets,
)
from models.volatility import GarchFit


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class DccFit:
    """Parameters of the conditional correlation, and the state for further filtering.

    Attributes
    ----------
    kind, method, start : str
        As given to `fit_dcc`.
    a, b, g : float
        News, memory and the extra weight of joint falls; g is 0 but for "adcc".
    persistence : float
        a + b + δg, δ the largest eigenvalue of S^{−½}N̄S^{−½} (0 without asymmetry): below 1 the
        recursion is stable and its intercept positive definite.
    S, N_bar : array of shape (n_assets, n_assets)
        Targets of zz' (of uu' for "cdcc") and of nn'.
    log_likelihood : float
        Correlation part, −½ Σ (ln|R_t| + z'R_t⁻¹z − z'z); add `GarchFit.log_likelihood` of each
        asset for the total. For "composite" the sum over pairs, comparable to nothing but itself.
    covariances : dict of str to DataFrame of shape (2, 2) or, for "adcc", (3, 3)
        Of (a, b[, g]), *second stage only*: σ and the targets are taken as known (the targets of
        "cdcc" move with a and b), so they are too small. hessian: from the curvature alone. opg:
        from the outer product of the rows' scores. sandwich: Bollerslev–Wooldridge, from both;
        for "composite" the only one, because that likelihood counts each row many times. NaN where
        not converged and for a parameter at 0.
    converged : bool
        The optimiser reached an interior maximum. If False the caller uses an EWMA; a, b and g are
        then the best point found, for display only. "adcc"
        with g, or a but not g, at 0 is a regular smaller model and counts as converged.
    reason : str or None
        What failed; None where nothing did.
    margins_not_converged : tuple of str
        Columns whose residuals come from no converged volatility fit, of the margins given.
    assets : tuple of str
        Columns, in order.
    n : int
        Complete rows used.
    Q : array of shape (n_assets, n_assets)
        State after the last row: Q of the session that follows it.
    """

    kind: Kind
    method: Method
    start: Start
    a: float
    b: float
    g: float
    persistence: float
    S: Floats
    N_bar: Floats
    log_likelihood: float
    covariances: Mapping[str, pd.DataFrame]
    converged: bool
    reason: str | None
    margins_not_converged: tuple[str, ...]
    assets: tuple[str, ...]
    n: int
    Q: Floats

    __repr__ = short_repr

    @property
    def standard_errors(self) -> pd.DataFrame:
        """Standard errors of a, b (and g), one column per covariance matrix."""
        return standard_errors(self.covariances)

    @property
    def half_life(self) -> float:
        """Sessions until half of a shock is gone, ln ½ / ln persistence; infinite at 1."""
        if self.persistence >= 1:
            return float("inf")
        return float(np.log(0.5) / np.log(self.persistence)) if self.persistence > 0 else 0.0

    def summary(self) -> str:
        """Return the estimate as a table of text: parameters, standard errors, convergence."""
        errors = self.standard_errors
        values = {name: getattr(self, name) for name in errors.index}
        return summary(
            f"{self.kind} of {len(self.assets)} assets, {self.method} likelihood",
            pd.DataFrame({"value": values}).join(errors),
            {
                "log-likelihood": self.log_likelihood,
                "observations": self.n,
                "persistence": self.persistence,
                "half-life, sessions": self.half_life,
                "margins not converged": ", ".join(self.margins_not_converged) or None,
                "converged": self.converged,
                "reason": self.reason,
            },
        )


def fit_dcc(
    residuals: pd.DataFrame,
    *,
    kind: Kind = "dcc",
    method: Method = "full",
    start: Start = "unconditional",
    min_observations: int = 250,
    margins: Mapping[str, GarchFit] | None = None,
) -> DccFit:
    """Estimate a, b (and g) by Gaussian quasi-maximum likelihood with targeted S.

    Parameters
    ----------
    residuals : DataFrame of shape (n_sessions, n_assets)
        z = ε/σ, σ forecast from the session before. Not scaled again here.
    kind : {"dcc", "cdcc", "adcc"}
        The recursion; see the module.
    method : {"full", "composite"}
        "full": the likelihood of all assets, O(N³) per row. "composite": the sum of the bivariate
        likelihoods of neighbouring columns (Pakel–Shephard–Sheppard–Engle 2021; contiguous pairs
        as in Engle–Ledoit–Wolf 2019), O(N) per row, for many assets.
    start : {"unconditional", "rmgarch"}
        "unconditional": Q_1 = S; S and N̄ are plain means of products, over T.
        "rmgarch" (R package, 1.3-9): S and N̄ are centred covariances over T − 1, and Q_1 is one
        step from Q_0 = S. The session before the first is z = 0 while a, b, g are estimated and
        z = n = 1 in what is reported (path, likelihood, errors), as that package has it. Not for
        "cdcc", which it does not offer. For "adcc" the two differ by more than the start: n has a
        mean, so its centred covariance falls short of the mean of nn' that the recursion needs,
        Q drifts above S and g comes out too small. Compare with R by "rmgarch", work with
        "unconditional".
    min_observations : int
        Smallest number of complete rows.
    margins : mapping of column to GarchFit, optional
        The fits whose residuals these are: those that did not converge are named in the result.

    Returns
    -------
    DccFit
        Uses all rows given: give only rows that were known.

    Raises
    ------
    NotEnoughData
        Fewer complete rows than `min_observations`, or than assets + 1 where S must be inverted.
    ValueError
        An unknown option, fewer than two assets, an infinite value, an asset that repeats others
        so that a correlation matrix is singular, one whose mean square is far from 1, or a margin
        of no column.
    """
    margins = margins or {}
    if unknown := [name for name in margins if name not in residuals.columns]:
        raise ValueError(f"margins must be of the columns of the residuals, got {unknown}")
    sample = prepare(residuals, kind, method, start, min_observations)
    require_unit(residuals, sample)
    point, reason = maximise(sample)
    value, matrices = covariances(sample, point, known=not reason)
    a, b, g = (float(parameter) for parameter in point)
    S, N_bar = targets(sample, a, b)
    fit = DccFit(
        kind=kind,
        method=method,
        start=start,
        a=a,
        b=b,
        g=g,
        persistence=a + b + sample.delta * g,
        S=S,
        N_bar=N_bar,
        log_likelihood=value,
        covariances=matrices,
        converged=not reason,
        margins_not_converged=tuple(name for name, one in margins.items() if not one.converged),
        reason=f"{kind}: {reason}" if reason else None,
        assets=tuple(residuals.columns),
        n=len(sample.z),
        Q=S,
    )
    nothing = np.empty(0, dtype=np.int64)
    return replace(fit, Q=_advance(fit, sample.z, _first_state(fit), nothing, nothing)[1])


def correlation_path(
    residuals: pd.DataFrame,
    fit: DccFit,
    *,
    base: str | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> pd.DataFrame:
    """R_t of every session at the parameters of `fit`, from its starting state.

    Parameters
    ----------
    residuals : DataFrame of shape (n_sessions, n_assets)
        z, with at least the columns of the fit.
    base : str, optional
        Keep the pairs of this asset with every other.
    pairs : sequence of (str, str), optional
        Keep these. Without `base` and `pairs`: all.

    Returns
    -------
    DataFrame of shape (n_sessions, n_pairs), columns (first, second)
        The value at *t* is the forecast for *t* from rows up to *t* − 1; a, b, g and S are those
        of the fit, from all of its rows. Rows before the first complete one are NaN; a skipped
        row shows its forecast.

    Raises
    ------
    ValueError
        A column of the fit is missing, both `base` and `pairs` are given, or one is unknown.
    """
    names, first, second = _pair_positions(fit.assets, base, pairs)
    z = matrix_of(residuals, fit.assets)
    values, _ = _advance(fit, z, _first_state(fit), first, second)
    complete = np.isfinite(z).all(axis=1)
    values[: int(complete.argmax()) if complete.any() else len(z)] = np.nan
    return pd.DataFrame(values, index=residuals.index, columns=names)


def filter_dcc(
    fit: DccFit,
    new_residuals: pd.DataFrame,
    *,
    base: str | None = None,
    pairs: Sequence[tuple[str, str]] | None = None,
) -> tuple[pd.DataFrame, DccFit]:
    """Continue filtering at fixed parameters from the state of `fit`, O(N²) per row.

    Returns the forecasts of the new rows, as `correlation_path` would give them on the rows of the
    fit and these together, and the fit with its state moved on (its `n` and likelihood remain
    those of the estimation). Rows, NaN and errors as in `correlation_path`.
    """
    names, first, second = _pair_positions(fit.assets, base, pairs)
    values, Q = _advance(fit, matrix_of(new_residuals, fit.assets), fit.Q, first, second)
    return pd.DataFrame(values, index=new_residuals.index, columns=names), replace(fit, Q=Q)


def _first_state(fit: DccFit) -> Floats:
    """Q_1 of `fit`: S, or for "rmgarch" one step from S with a session of ones before it."""
    if fit.start == "unconditional":
        return fit.S.copy()
    return (1 - fit.a) * fit.S - fit.g * fit.N_bar + fit.a + fit.g


def _advance(
    fit: DccFit, z: Floats, state: Floats, first: Integers, second: Integers
) -> tuple[Floats, Floats]:
    """Forecasts of the pairs at every row, and the state after the last."""
    intercept = (1 - fit.a - fit.b) * fit.S - fit.g * fit.N_bar
    Q, out = state.copy(), np.empty((len(z), len(first)))
    filter_rows(z, first, second, intercept, Q, fit.a, fit.b, fit.g, fit.kind == "cdcc", out)
    return out, Q


def _pair_positions(
    assets: tuple[str, ...], base: str | None, pairs: Sequence[tuple[str, str]] | None
) -> tuple[pd.MultiIndex, Integers, Integers]:
    if base is not None and pairs is not None:
        raise ValueError(f"base and pairs exclude each other, got base {base} too; give one")
    if base is not None:
        pairs = [(base, other) for other in assets if other != base]
    elif pairs is None:
        pairs = [(one, other) for at, one in enumerate(assets) for other in assets[at + 1 :]]
    unknown = sorted({name for pair in pairs for name in pair if name not in assets})
    if unknown:
        raise ValueError(f"pairs must be of the assets of the fit, got {', '.join(unknown)}")
    positions = {name: at for at, name in enumerate(assets)}
    first, second = (
        np.array([positions[pair[side]] for pair in pairs], dtype=np.int64) for side in (0, 1)
    )
    return pd.MultiIndex.from_tuples(list(pairs), names=["first", "second"]), first, second
