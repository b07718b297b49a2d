"""Volatility history of a universe, in chunks of assets, with deterministic output."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from features.panel import Panel
from models.dependence import DccFit, fit_dcc
from models.errors import NotEnoughData
from models.volatility import walk_forward
from unwind.contract.columns import COUNT, DATE, FLAG, REAL, TEXT, Column, Table, declare
from unwind.files.durable import folder_lock, write_atomically
from unwind.indicators.context import Slot
from unwind.settings import Settings
from unwind.settings.evidence import WalkForward

PATHS = Table(
    "paths",
    "asset × session",
    ("asset", "session"),
    (
        Column("asset", TEXT, "symbol", "the series", nullable=False),
        Column("session", DATE, "session", "the session that sigma is of", nullable=False),
        Column(
            "sigma", REAL, "decimal, one session",
            "σ forecast from rows before the session, parameters from estimated_to at the latest",
        ),
        Column("residual", REAL, "σ", "(return − μ)/sigma"),
        Column(
            "estimated_to", DATE, "session", "last session that the parameters have seen",
            nullable=False,
        ),
    ),
)  # fmt: skip
ASSETS = declare(
    "assets",
    "one asset: its newest estimate, and counts of estimates and fallbacks",
    ("asset",),
    Column("asset", TEXT, "symbol", "the series", nullable=False),
    Column("model", TEXT, "", "of the newest estimate; ewma where it failed", nullable=False),
    Column("n", COUNT, "sessions", "returns available", nullable=False),
    Column("estimates", COUNT, "", "re-estimations through history", nullable=False),
    Column("fallbacks", COUNT, "", "of these, labelled EWMA", nullable=False),
    Column("sigma_next", REAL, "decimal, one session", "forecast for the session after the last "
           "row, with the parameters of the newest estimate"),
    Column("mu", REAL, "decimal", "mean of the log return"),
    Column("omega", REAL, "decimal²", "variance intercept"),
    Column("alpha", REAL, "1", "weight of the last squared shock"),
    Column("gamma", REAL, "1", "added weight after a fall"),
    Column("beta", REAL, "1", "weight of the last variance"),
    Column("nu", REAL, "degrees of freedom", "Student-t shape"),
    Column("half_life", REAL, "sessions", "of a variance shock"),
    Column("log_likelihood", REAL, "nat", "of the newest estimate, returns in percent"),
    Column("estimated_to", DATE, "session", "last session that the newest estimate has seen"),
    Column("converged", FLAG, "", "the newest estimate reached an optimum inside its boundary"),
    Column("reason", TEXT, "", "why a value is null, or which fallback is used"),
)  # fmt: skip
LINKS = declare(
    "links",
    "one composite DCC of all assets",
    ("kind",),
    Column("kind", TEXT, "", "recursion and likelihood", nullable=False),
    Column("assets", COUNT, "", "columns", nullable=False),
    Column("n", COUNT, "sessions", "complete rows", nullable=False),
    Column("a", REAL, "1", "weight of news"),
    Column("b", REAL, "1", "weight of memory"),
    Column("a_error", REAL, "1", "sandwich standard error, second stage only"),
    Column("b_error", REAL, "1", "sandwich standard error, second stage only"),
    Column("half_life", REAL, "sessions", "of a shock to correlations"),
    Column("mean_correlation", REAL, "1", "over all pairs, for the session after the last"),
    Column("converged", FLAG, "", "an interior maximum was reached"),
    Column("reason", TEXT, "", "why a value is null"),
)  # fmt: skip
NUMBERS = ("mu", "omega", "alpha", "gamma", "beta", "nu", "half_life", "log_likelihood")
NOTHING = dict.fromkeys((*NUMBERS, "sigma_next"), np.nan)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Walked:
    """Some assets walked forward: rows of `PATHS` and, unstamped, of `ASSETS`."""

    paths: pd.DataFrame
    assets: pd.DataFrame


def investable(panel: Panel, *, settings: Settings) -> pd.DataFrame:
    """Returns of all series but index levels, by name."""
    levels = set(settings.clock.index_levels)
    return panel.returns[[name for name in panel.returns.columns if name not in levels]]


def simulated_returns(assets: int, sessions: pd.DatetimeIndex, *, seed: int) -> pd.DataFrame:
    """GJR returns with Student-t shocks of independent assets.

    The same asset has the same returns in a universe of any size.
    """
    shocks = np.column_stack([
        np.random.default_rng([seed, asset]).standard_t(6, len(sessions)) * np.sqrt(4 / 6)
        for asset in range(assets)
    ])  # fmt: skip
    variance, values = np.ones(assets), np.empty_like(shocks)
    for t, shock in enumerate(shocks):
        values[t] = np.sqrt(variance) * shock
        variance = 0.03 + (0.04 + 0.08 * (shock < 0)) * values[t] ** 2 + 0.89 * variance
    names = [f"S{asset:04d}" for asset in range(assets)]
    return pd.DataFrame(0.01 * values, index=sessions, columns=names)


def chunks(returns: pd.DataFrame, *, size: int) -> list[pd.DataFrame]:
    """Cut a universe into blocks of columns."""
    return [returns.iloc[:, first : first + size] for first in range(0, returns.shape[1], size)]


def walk(returns: pd.DataFrame, *, rule: WalkForward) -> Walked:
    """Walk each asset forward; a failed asset has a row with the reason."""
    paths, assets = [], []
    # Tiny matrix products are ten times slower on many threads, and workers share the cores.
    with threadpool_limits(limits=1):
        for name in returns.columns:
            path, row = _asset(returns[name], rule)
            paths.append(path.assign(asset=name))
            assets.append({"asset": name} | row)
    return Walked(paths=pd.concat(paths, ignore_index=True), assets=pd.DataFrame(assets))


def _asset(returns: pd.Series, rule: WalkForward) -> tuple[pd.DataFrame, dict[str, object]]:
    row: dict[str, object] = {"n": int(returns.notna().sum()), "estimates": 0, "fallbacks": 0}
    try:
        path = walk_forward(returns, **rule.model_dump())
    except ValueError as error:  # too few rows, none that differ, an infinite one
        nothing = pd.DataFrame(columns=["session", "sigma", "residual", "estimated_to"])
        failure = {"model": "none", "estimated_to": pd.NaT, "converged": None, "reason": str(error)}
        return nothing, row | NOTHING | failure
    newest = path.estimates[-1]
    rows = pd.DataFrame(
        {
            "session": path.sigma.index,
            "sigma": path.sigma.to_numpy(),
            "residual": path.residuals.to_numpy(),
            "estimated_to": path.estimated_to.to_numpy(),
        }
    )
    return rows, row | {name: getattr(newest, name) for name in NUMBERS} | {
        "model": newest.model if newest.model == "ewma" else f"{newest.model}-{newest.innovation}",
        "estimates": len(path.estimates),
        "fallbacks": sum(not fit.converged for fit in path.estimates),
        "sigma_next": path.sigma_next,
        "estimated_to": path.estimated_to.iloc[-1],
        "converged": newest.converged,
        "reason": newest.reason,
    }


def gathered(parts: Iterable[Walked]) -> Walked:
    """Join chunks in the order of the assets' names, whichever finished first."""
    walks = list(parts)
    paths = pd.concat([part.paths for part in walks], ignore_index=True)
    assets = pd.concat([part.assets for part in walks], ignore_index=True)
    assets = assets.astype({"reason": "str"})  # a chunk without reasons has no type
    named = [column.name for column in ASSETS.columns if column.name in assets.columns]
    return Walked(
        paths=paths.sort_values(["asset", "session"], ignore_index=True),
        assets=assets[named].sort_values("asset", ignore_index=True),
    )


def composite_link(walked: Walked, *, settings: Settings) -> dict[str, object]:
    """Fit one composite DCC to the residuals of all assets; a row of `LINKS`, unstamped."""
    residuals = walked.paths.set_index(["session", "asset"])["residual"].unstack()  # noqa: PD010
    row: dict[str, object] = {
        "kind": "dcc, composite likelihood of neighbours", "assets": residuals.shape[1],
        "n": int(residuals.notna().all(axis=1).sum()), "converged": None, "reason": None,
        **dict.fromkeys(("a", "b", "a_error", "b_error", "half_life", "mean_correlation"), np.nan),
    }  # fmt: skip
    try:
        with threadpool_limits(limits=1):
            fit = fit_dcc(
                residuals, kind="dcc", method="composite", start="unconditional",
                min_observations=settings.walk_forward.min_observations,
            )  # fmt: skip
    except ValueError as error:
        return row | {"reason": str(error)}
    return row | _link(fit)


def _link(fit: DccFit) -> dict[str, object]:
    row: dict[str, object] = {"converged": fit.converged, "reason": fit.reason}
    if not fit.converged:
        return row
    scale = 1 / np.sqrt(np.diag(fit.Q))
    errors = fit.standard_errors["sandwich"]
    R = fit.Q * np.outer(scale, scale)
    return row | {
        "a": fit.a, "b": fit.b, "a_error": errors["a"],
        "b_error": errors["b"], "half_life": fit.half_life,
        "mean_correlation": float(R[np.triu_indices(len(R), 1)].mean()),
    }  # fmt: skip


def publish_universe(
    lake: Path,
    walked: Walked,
    link: dict[str, object] | None,
    slot: Slot,
    *,
    settings: Settings,
) -> Path:
    """Write the universe of a session to LAKE/universe/<session>-<source>, each file atomically.

    The same universe gives the same bytes. Known at the cut-off of the run.

    Raises
    ------
    NotEnoughData
        No asset could be walked forward.
    """
    if walked.paths.empty:
        raise NotEnoughData(
            need=settings.walk_forward.min_observations + 1,
            got=int(walked.assets["n"].max()),
            what="a universe (its longest asset)",
        )
    folder = lake / "universe" / f"{slot.as_of}-{slot.source.replace(':', '-')}"
    names = [column.name for column in PATHS.columns]
    tables = {
        "paths": pa.Table.from_pandas(
            walked.paths[names], schema=PATHS.schema, preserve_index=False
        ),
        "assets": ASSETS.arrow(_stamped(walked.assets, slot, settings)),
    }
    if link is not None:
        tables["links"] = LINKS.arrow(_stamped(pd.DataFrame([link]), slot, settings))
    with folder_lock(folder):
        for name, table in tables.items():
            write = partial(pq.write_table, table, compression="zstd")
            write_atomically(folder / f"{name}.parquet", write)
    return folder


def _stamped(rows: pd.DataFrame, slot: Slot, settings: Settings) -> pd.DataFrame:
    return slot.stamped(rows.assign(known_at=slot.cutoff), settings=settings)
