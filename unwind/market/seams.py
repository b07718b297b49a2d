"""Seams of a price series: sessions at which its basis changes, and the scaling of its rows.

Rows before a seam are multiplied onto the basis after it.
"""

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from unwind.contract.source import Fault
from unwind.market.price_matrix import BAR, Floats, PriceMatrix

Cell = tuple[int, int]


@dataclass(slots=True, eq=False)
class Seams:
    """Log ratios that scale the rows before a session, and the faults behind them.

    Attributes
    ----------
    close, adj_close, volume : array of shape (n_sessions, n_symbols)
        `close` also applies to open, high and low; 0 without a seam.
    set_aside : array of bool
        Returns that await confirmation.
    jumped : array of bool
        Seams at which close and adjusted close jump alike.
    wrong : array of bool
        Rows without a usable price.
    """

    matrix: PriceMatrix
    close: Floats = field(init=False)
    adj_close: Floats = field(init=False)
    volume: Floats = field(init=False)
    set_aside: NDArray[np.bool_] = field(init=False)
    jumped: NDArray[np.bool_] = field(init=False)
    wrong: NDArray[np.bool_] = field(init=False)
    faults: list[Fault] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Start without a seam."""
        shape = self.matrix.values["close"].shape
        self.close, self.adj_close, self.volume = (np.zeros(shape) for _ in range(3))
        self.set_aside, self.jumped, self.wrong = (np.zeros(shape, dtype=bool) for _ in range(3))

    def name(self, at: Cell, column: str, *, rule: str, value: str, remedy: str) -> None:
        """Add a warning on one row."""
        self.faults.append(
            Fault(
                entity=self.matrix.symbols[at[1]], rule=rule, severity="warning", value=value,
                remedy=remedy, column=column, session=self.matrix.sessions[at[0]],
            )
        )  # fmt: skip

    def confirm(self, at: Cell, reason: str) -> None:
        """Record that a suspect move is accepted, with the reason."""
        self.faults.append(
            Fault(
                entity=self.matrix.symbols[at[1]], rule="confirmed_move", severity="info",
                value=reason, remedy="nothing to do", column="close",
                session=self.matrix.sessions[at[0]],
            )
        )  # fmt: skip

    def on_one_basis(self, prices: pd.DataFrame) -> pd.DataFrame:
        """Return the rows on the newest basis, without wrong prices."""
        steps = (self.close, self.adj_close, self.volume)
        columns = np.flatnonzero(
            self.wrong.any(axis=0) | np.any([(s != 0).any(axis=0) for s in steps], axis=0)
        )
        if not len(columns):
            return prices
        out, sessions = prices.copy(), self.matrix.sessions
        for column in columns:
            own = (out["symbol"] == self.matrix.symbols[column]).to_numpy()
            days = pd.DatetimeIndex(out.loc[own, "session"])
            # A row of a closed day is on the basis of the session before it.
            row = np.maximum(sessions.searchsorted(days, side="right") - 1, 0)
            wrong = self.wrong[row, column] & (sessions[row] == days)
            for name in (*BAR, "adj_close", "volume"):
                of = name if name in ("adj_close", "volume") else "close"
                step = getattr(self, of)[:, column]
                # Seams after a row apply to it, its own does not.
                factor = np.exp(step[::-1].cumsum()[::-1] - step)[row]
                values = out.loc[own, name].to_numpy(np.float64) * factor
                out.loc[own, name] = np.where(wrong & (name != "volume"), np.nan, values)
        return out
