"""Daily equity factors, the table `equity_factors_pct`."""

import numpy as np
import pandas as pd

from unwind.simulation.path import Path
from unwind.simulation.processes import log_changes

BILL_PERCENT = 0.017  # a session


def factor_rows(path: Path) -> pd.DataFrame:
    """Return factors in percent: the market is SPY, the others lean on ETFs of their kind."""
    market, growth, small, chips = (
        100 * np.expm1(log_changes(np.append(path.starts[symbol], path.closes(symbol)))[1:])
        for symbol in ("SPY", "QQQ", "IWM", "SMH")
    )
    noise = path.stream("equity factors").standard_normal((len(path.weekdays), 5))[path.trades]
    factors = {
        "MktRF": market - BILL_PERCENT,
        "SMB": 0.6 * (small - market) + 0.25 * noise[:, 0],
        "HML": -0.8 * (growth - market) + 0.45 * noise[:, 1],
        "RMW": -0.2 * (growth - market) + 0.3 * noise[:, 2],
        "CMA": -0.3 * (growth - market) + 0.3 * noise[:, 3],
        "RF": np.full(len(market), BILL_PERCENT),
        "Mom": 0.25 * (chips - market) + 0.6 * noise[:, 4],
    }
    for row, script in path.scripts(path.sessions).items():
        for factor, percent in script.factors_pct.items():
            factors[factor][row] = percent
    return pd.DataFrame(
        {"session": path.sessions, **{name: values.round(3) for name, values in factors.items()}}
    )
