"""`unwind sigma`: rarity of "kσ" under normal and Student-t distributions and a fitted tail.

The only command that computes. It imports the models inside its functions, so that the reading
commands start without them.
"""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from features.constants import SESSIONS_PER_YEAR
from unwind.contract.text import NULL, interval, number
from unwind.errors import UserError, did_you_mean
from unwind.lake import snapshots as lakes
from unwind.settings import Settings, SettingsError, load_settings

if TYPE_CHECKING:
    from models.tails import SigmaTranslation

Side = Literal["lower", "upper", "both"]

# Usual degrees of freedom of daily returns of liquid assets.
USUAL_NU = (3, 4, 5, 6, 8)
# Below this a percentage is written in scientific notation.
SMALLEST_PLAIN_PERCENT = 1e-4

_EVENTS = {"lower": "P(Z < −{k})", "upper": "P(Z > {k})", "both": "P(|Z| > {k})"}


class SigmaError(UserError, ValueError):
    """A fault of the command's input; the message gives the remedy."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sample:
    """Standardised values in session order, ending before the session under test.

    Attributes
    ----------
    values : array of shape (n,)
        NaN where a session has none.
    origin : str
        Description of the values.
    as_of : date or None
        The session under test; None for a file, which has no dates.
    cutoff : Timestamp or None
        The sample includes what was known by then.
    """

    values: NDArray[np.float64]
    origin: str
    as_of: date | None
    cutoff: pd.Timestamp | None


def answer(
    sigma: float,
    *,
    sides: dict[str, bool],
    file: Path | None,
    column: str | None,
    lake: Path,
    asset: str | None,
    as_of: date | None,
) -> dict[str, Any]:
    """Translate "kσ" for the given options; the keys do not depend on them.

    Raises
    ------
    ValueError
        Options that contradict each other, a sample that cannot be read, a magnitude below zero.
    LakeError
        No snapshot in the lake, where an asset is named without a session.
    """
    requested = [side for side, is_set in sides.items() if is_set]
    if len(requested) > 1:
        raise SigmaError("give one of --two-sided, --lower and --upper, not several")
    side: Side = requested[0] if requested else "both"  # type: ignore[assignment]
    if file is not None and asset is not None:
        raise SigmaError("give --sample or --asset, not both: a figure has one sample")
    if column is not None and file is None:
        raise SigmaError("--column names a column of a file: give --sample with it")
    if as_of is not None and asset is None:
        raise SigmaError("--as-of names a session of the lake: give --asset with it")
    settings, sample = load_settings(), None
    if file is not None:
        sample = file_sample(file, column=column)
    elif asset is not None:
        settings, sample = lake_sample(lake, asset=asset, as_of=as_of)
    return translated(sigma, sample, side=side, settings=settings)


def file_sample(path: Path, *, column: str | None) -> Sample:
    """Read one numeric column of a CSV or Parquet file, rows in session order."""
    rows = _read(path)
    names = [str(name) for name in rows.columns]
    if column is None:
        raise SigmaError(f"name a column of {path.name} with --column; it has {_listed(names)}")
    if column not in names:
        hint = did_you_mean(column, names)
        raise SigmaError(f"{path.name} has no column {column}{hint}; it has {_listed(names)}")
    if names.count(column) > 1:
        raise SigmaError(f"{path.name} has {names.count(column)} columns {column}; rename them")
    cells = rows.iloc[:, names.index(column)]
    if pd.api.types.is_bool_dtype(cells) or not pd.api.types.is_numeric_dtype(cells):
        raise SigmaError(
            f"column {column} of {path.name} must hold numbers; {_first_other(cells)}; write plain "
            "decimals, a point before the fraction"
        )
    values: NDArray[np.float64] = cells.to_numpy(dtype="float64", na_value=np.nan)
    if np.isnan(values).all():
        raise SigmaError(f"column {column} of {path.name} has no number; fill it in")
    if np.isinf(values).any():
        row = int(np.flatnonzero(np.isinf(values))[0]) + 1
        raise SigmaError(
            f"column {column} of {path.name} is infinite in row {row}; correct it or leave it empty"
        )
    return Sample(values=values, origin=f"{column} of {path.name}", as_of=None, cutoff=None)


def _read(path: Path) -> pd.DataFrame:
    readers = {".csv": pd.read_csv, ".parquet": pd.read_parquet}
    if path.suffix.lower() not in readers:
        raise SigmaError(f"--sample takes a .csv or .parquet file, got {path.name}")
    try:
        rows: pd.DataFrame = readers[path.suffix.lower()](path)  # type: ignore[operator]
    except FileNotFoundError as error:
        raise SigmaError(f"sample file {path} does not exist; check the path") from error
    except OSError as error:
        reason = error.strerror or "it is not a Parquet file"
        raise SigmaError(f"sample file {path.name} cannot be read: {reason}") from error
    except ValueError as error:
        # Parser, decoding and Arrow errors; their own messages have several lines.
        raise SigmaError(
            f"sample file {path.name} cannot be read as {path.suffix.lower()[1:].upper()}; write "
            "one header row and one value per row"
        ) from error
    if rows.empty:
        raise SigmaError(f"sample file {path.name} has no rows; give one value per session")
    return rows


def _first_other(cells: pd.Series) -> str:
    """Name the first value that is not a number."""
    numeric = pd.to_numeric(cells.astype("str"), errors="coerce")
    others = cells[numeric.isna() & cells.notna()]
    if others.empty:
        return f"its type is {cells.dtype}"
    row = int(cells.index.get_loc(others.index[0])) + 1  # type: ignore[arg-type]
    return f"row {row} holds {str(others.iloc[0])[:40]!r}"


def _listed(names: list[str]) -> str:
    listed = ", ".join(names[:12])
    return f"{listed} and {len(names) - 12} more" if len(names) > 12 else listed


def lake_sample(lake: Path, *, asset: str, as_of: date | None) -> tuple[Settings, Sample]:
    """Standardise an asset's returns by GARCH, as known at the publication of a session.

    Parameters and residuals end at the session before `as_of`: the session under test is not in
    its own sample. The settings are those of the published lake.
    """
    from models.volatility import fit_garch
    from unwind.calendar import publication_instant, require_session
    from unwind.indicators.context import Slot
    from unwind.pipeline import load_market, observe

    snapshot = lakes.latest(lake)
    settings = _settings_of(lake, snapshot)
    day = max(lakes.read(snapshot, "regimes")["as_of"]) if as_of is None else as_of
    slot = Slot(
        as_of=require_session(day),
        cutoff=publication_instant(day, settings.publication),
        source=snapshot.terms["source"],
    )
    returns = observe(load_market(lake / "market"), slot, settings=settings).panel.returns
    if asset not in returns.columns:
        hint = did_you_mean(asset, returns.columns)
        raise SigmaError(f"no asset {asset} on this desk{hint}; it has {_listed([*returns])}")
    if asset in settings.clock.index_levels:
        raise SigmaError(f"{asset} is an index level, which has no return; name a price")
    earlier = returns.loc[: slot.stamp, asset].iloc[:-1].iloc[-settings.volatility.window :]
    fit = fit_garch(earlier, min_observations=settings.volatility.min_observations)
    # Sessions without a return stay in as NaN, so that "sessions since" counts sessions.
    residuals = ((earlier - fit.mu) / fit.sigma.reindex(earlier.index)).to_numpy(dtype=np.float64)
    model = "GARCH(1,1)-t" if fit.converged else f"EWMA ({fit.reason})"
    return settings, Sample(
        values=residuals,
        origin=f"{model} residuals of {asset}, {fit.sigma.index[0]:%Y-%m-%d} … "
        f"{fit.sigma.index[-1]:%Y-%m-%d}",
        as_of=day,
        cutoff=slot.cutoff,
    )


def _settings_of(lake: Path, snapshot: lakes.Snapshot) -> Settings:
    path = lake / "settings" / f"{snapshot.terms['settings_digest']}.json"
    try:
        return Settings.model_validate_json(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(
            f"the settings that {lake} was published under, {path.name}, are missing or of another "
            "release; publish a session with this one first"
        ) from error


def translated(
    sigma: float, sample: Sample | None, *, side: Side, settings: Settings
) -> dict[str, Any]:
    """Return every reading as JSON: probabilities per session, return periods in sessions."""
    from models.tails import student_tail, translate_sigma

    terms = settings.sigma
    read = translate_sigma(
        sigma,
        None if sample is None else sample.values,
        side=side,
        threshold_share=terms.threshold_share,
        confidence=terms.confidence,
        min_observations=terms.min_observations,
        min_exceedances=terms.min_exceedances,
    )
    usual = [(nu, student_tail(sigma, nu=nu, two_sided=side == "both")) for nu in USUAL_NU]
    return {
        "sigma": read.sigma,
        "side": read.side,
        "normal": {
            "probability": read.normal_probability,
            "return_period": read.normal_return_period,
        },
        "student_table": [
            {"nu": nu, "probability": value, "return_period": 1 / value if value > 0 else None}
            for nu, value in usual
        ],
        "sample": {
            "origin": None if sample is None else sample.origin,
            "n": read.n,
            "as_of": None if sample is None or sample.as_of is None else sample.as_of.isoformat(),
            "cutoff": None
            if sample is None or sample.cutoff is None
            else sample.cutoff.isoformat(),
            "sessions_since": read.sessions_since,
        },
        "student": {
            "nu": read.nu,
            "sigma": read.student_sigma,
            "probability": read.student_probability,
            "return_period": read.student_return_period,
        },
        "tail": _tail(read),
        "converged": read.converged,
        "reason": read.reason,
    }


def _tail(read: "SigmaTranslation") -> dict[str, Any]:
    return {
        "threshold": read.threshold,
        "exceedances": read.exceedances,
        "xi": read.xi,
        "xi_lower": read.xi_lower,
        "xi_upper": read.xi_upper,
        "beta": read.beta,
        "confidence": read.confidence,
        "probability": read.gpd_probability,
        "probability_lower": read.gpd_probability_lower,
        "probability_upper": read.gpd_probability_upper,
        "return_period": read.gpd_return_period,
        "return_period_lower": read.gpd_return_period_lower,
        "return_period_upper": read.gpd_return_period_upper,
    }


def text(reading: dict[str, Any]) -> str:
    """Return every reading as text."""
    k = f"{reading['sigma']:g}"
    lines = [
        f"{k}σ: {_EVENTS[reading['side']].format(k=k)} in one session",
        "",
        f"  {'distribution':<24}{'probability':>14}   one in … sessions",
        _line("normal", reading["normal"]),
    ]
    sample = reading["sample"]
    if sample["origin"] is None:
        lines += [_line(f"Student-t, {row['nu']} degrees", row) for row in reading["student_table"]]
        return "\n".join(
            [
                *lines,
                "",
                "Each distribution has variance 1. Without a sample no tail is fitted: give "
                "--sample or --asset.",
            ]
        )
    student, tail = reading["student"], reading["tail"]
    if student["probability"] is not None:
        lines.append(_line(f"Student-t, fitted ν {number(student['nu'], decimals=1)}", student))
    if tail["probability"] is not None:
        lines.append(_line("generalised Pareto tail", tail))
    lines += ["", f"Sample: {number(sample['n'], decimals=0)} values, {sample['origin']}."]
    if sample["cutoff"] is not None:
        lines.append(f"As known at {pd.Timestamp(sample['cutoff']):%Y-%m-%d %H:%M} UTC.")
    if student["nu"] is not None:
        lines.append(
            f"Student-t: ν {number(student['nu'], decimals=2)}, standard deviation "
            f"{number(student['sigma'], decimals=2)}."
        )
    if tail["xi"] is not None:
        lines.append(
            f"Tail: {tail['exceedances']} values above {number(tail['threshold'], decimals=2)}, "
            f"ξ {number(tail['xi'], decimals=2)} "
            f"({interval(tail['xi_lower'], tail['xi_upper'], decimals=2)}), "
            f"β {number(tail['beta'], decimals=2)}; intervals at "
            f"{100 * tail['confidence']:g} % by profile likelihood."
        )
    lines.append(_since(sample, k))
    if reading["reason"] is not None:
        lines.append(f"Not determined: {reading['reason']}.")
    return "\n".join(lines)


def _since(sample: dict[str, Any], k: str) -> str:
    before = "the session after the sample" if sample["as_of"] is None else sample["as_of"]
    if sample["sessions_since"] is None:
        return f"The sample has no value as extreme as {k}σ."
    return f"Last as extreme as {k}σ: {sample['sessions_since']} sessions before {before}."


def _line(distribution: str, reading: dict[str, Any]) -> str:
    probability = _percent(reading["probability"])
    line = f"  {distribution:<24}{probability:>14}   {_period(reading['return_period'])}"
    if "probability_lower" not in reading:
        return line + _years(reading["return_period"])
    shortest, longest = reading["return_period_lower"], reading["return_period_upper"]
    periods = f"{_period(shortest)} … {'unbounded' if longest is None else _period(longest)}"
    low, high = _percent(reading["probability_lower"]), _percent(reading["probability_upper"])
    return f"{line} ({periods}); probability {low} … {high}"


def _percent(probability: float) -> str:
    """Two decimals, or three significant digits below 0.1 %."""
    value = 100 * probability
    if value == 0:
        # Zero beyond a fitted end point; otherwise it underflows.
        return "0 %"
    if value >= 0.1:
        return f"{number(value, decimals=2)} %"
    if value < SMALLEST_PLAIN_PERCENT:
        return f"{value:.2e} %"
    return f"{number(value, decimals=2 - int(np.floor(np.log10(value))))} %"


def _period(sessions: float | None) -> str:
    if sessions is None:
        return NULL
    if sessions < 100:
        return number(sessions, decimals=1)
    return number(sessions, decimals=0) if sessions < 1e9 else f"{sessions:.2e}"


def _years(sessions: float | None) -> str:
    if sessions is None or not SESSIONS_PER_YEAR <= sessions < 1e9:
        return ""
    return f" ({number(sessions / SESSIONS_PER_YEAR, decimals=1)} years)"
