"""Series whose unit changes in the middle: percent for shares, contracts for coins, dollars."""

import numpy as np
import pandas as pd

from unwind.contract.inputs import InputTable
from unwind.contract.quantities import Quantity
from unwind.contract.source import Fault

# A rate or a flow is noisy: its size is the median of ROWS rows, against BASELINE before them.
ROWS, BASELINE = 5, 20
# In powers of ten. Over seventeen years, factors, funding and flows changed their size by 1.4 at
# most, and the smallest step of such a column is 2.
SLACK = 0.4
# One row is enough far above the largest of the last sixty: 10 times for rates and 100 for flows;
# real ones reached 6.4 and 11.3.
LARGEST_OF, MIN_LARGEST_OF, ONE_ROW_SLACK = 60, 40, 1.0


def unit_faults(rows: pd.DataFrame, table: InputTable) -> tuple[Fault, ...]:
    """Find each value whose size differs from the rows before it by a ratio of units.

    Parameters
    ----------
    rows : DataFrame
        Screened rows of one table, including stored ones; their order does not matter.
        The newest vintage of a key counts.
    table : InputTable

    Returns
    -------
    tuple of Fault
        One per row of a series; the fault at t uses rows up to t. Of a level it is the row that
        jumps. Of a rate or a flow it is a row far beyond all of the last sixty, and each row at
        which most of the last five are in the other unit; the value names the first of them. Zeros
        and missing values are skipped.
    """
    watched = {name: one for name, one in table.numbers.items() if one.step is not None}
    if not watched or rows.empty:
        return ()
    ordered = rows.sort_values([*table.key, "known_at"], kind="stable")
    ordered = ordered.drop_duplicates(list(table.key), keep="last")
    groups = ordered.groupby(table.series, sort=True) if table.series else [((), ordered)]
    faults: list[Fault] = []
    for _, series in groups:
        named = series[table.entity].iloc[0] if table.entity != table.event else table.name
        for column, quantity in watched.items():
            sizes = series.set_index(table.event)[column].abs()
            sizes = np.log10(sizes[sizes > 0])
            changes = _jumps(sizes, quantity) if quantity.level else _shifts(sizes, quantity)
            faults += [
                Fault(
                    entity=str(named),
                    rule="unit_change",
                    severity="warning",
                    value=f"times {10 ** row['decades']:.3g} since {row['since']:%Y-%m-%d}",
                    remedy=f"ask the vendor; the unit is {quantity.unit}",
                    column=column,
                    session=row["at"],
                )
                for row in changes.to_dict("records")
            ]
    return tuple(faults)


def _jumps(sizes: pd.Series, quantity: Quantity) -> pd.DataFrame:
    """Rows of a level that lie a whole step from the row before."""
    assert quantity.step is not None
    change = sizes.diff()
    at = sizes.index[(change.abs() >= np.log10(quantity.step)).to_numpy()]
    return pd.DataFrame({"at": at, "since": at, "decades": change[at].to_numpy()})


def _shifts(sizes: pd.Series, quantity: Quantity) -> pd.DataFrame:
    """Rows at which the median size of recent rows is a step from that of the rows before."""
    assert quantity.step is not None
    after = sizes.rolling(ROWS).median()
    before = sizes.rolling(BASELINE).median().shift(ROWS)
    change = after - before
    decades = np.log10(quantity.step)
    positions = np.flatnonzero((change.abs() >= decades - SLACK).to_numpy())
    largest = sizes.rolling(LARGEST_OF, min_periods=MIN_LARGEST_OF).max().shift()
    alone = np.flatnonzero((sizes - largest >= decades - ONE_ROW_SLACK).to_numpy())
    alone = np.setdiff1d(alone, positions)
    usual = sizes.rolling(BASELINE).median().shift()
    since = []
    for position in positions:
        recent = sizes.iloc[position - ROWS + 1 : position + 1]
        nearer = (recent - after.iloc[position]).abs() < (recent - before.iloc[position]).abs()
        since.append(recent.index[nearer.to_numpy()][0])
    return pd.DataFrame(
        {
            "at": sizes.index[[*alone, *positions]],
            "since": [*sizes.index[alone], *since],
            "decades": [*(sizes - usual).iloc[alone], *change.iloc[positions]],
        }
    ).sort_values("at", ignore_index=True)
