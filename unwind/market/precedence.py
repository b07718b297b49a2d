"""Merge providers by precedence and report where their values differ.

If the contract has a column for the vendor or the venue, it is part of the key and every vendor's
rows are used; otherwise the value of lower precedence goes into the quality rows.
"""

from collections.abc import Mapping, Sequence
from itertools import combinations

import pandas as pd

from unwind.contract.inputs import InputTable
from unwind.contract.source import Extract, Fault
from unwind.market.confirmations import agreed_moves
from unwind.market.restatement import rebased
from unwind.market.screening import REJECTED_COLUMNS, Observations


def united(
    parts: Sequence[Extract],
    screened: Sequence[Observations],
    table: InputTable,
    *,
    agreement: Mapping[str, float],
) -> Observations:
    """Choose among the screened rows of several providers.

    Parameters
    ----------
    parts : sequence of Extract
        One per provider, in falling precedence.
    screened : sequence of Observations
        Their screened rows, in the same order.
    table : InputTable
    agreement : mapping of str to float
        Column → relative difference from which two providers disagree.

    Returns
    -------
    Observations
        All vintages of a key are those of one provider. `fills` marks rows of entities that an
        earlier provider promises: they add to the store and never revise it. The order
        of the rows inside a part does not matter.

    Notes
    -----
    An adjusted close is scaled to the provider before, and excluded if the two share no session of
    that symbol: two scales in one series would show a return that does not exist.
    """
    key = list(table.key)
    selected: list[pd.DataFrame] = []
    fills: list[pd.Series] = []
    faults: list[Fault] = []
    promised: set[str] = set()
    agreed: list[pd.DataFrame] = []
    for (part, rows), (other, others) in combinations(
        [(part, observations.rows) for part, observations in zip(parts, screened, strict=True)], 2
    ):
        faults += _conflicts(
            rows, others, table, names=(part.label, other.label), agreement=agreement
        )
        if table.name == "prices" and "close" in agreement:
            agreed.append(
                agreed_moves(
                    _newest(rows, key), _newest(others, key), names=(part.label, other.label),
                    bound=agreement["close"],
                )
            )  # fmt: skip
    for part, observations in zip(parts, screened, strict=True):
        rows = observations.rows
        primary = pd.concat(selected, ignore_index=True) if selected else rows.iloc[:0]
        if not primary.empty and not rows.empty:
            if table.name == "prices":
                rows = _on_one_scale(rows, primary)
            taken = pd.MultiIndex.from_frame(primary[key])
            rows = rows[~pd.MultiIndex.from_frame(rows[key]).isin(taken)]
        is_fallback = rows[table.entity].astype("str").isin(promised)
        selected.append(rows)
        fills.append(is_fallback)
        promised |= part.promised
        faults += _fallback_faults(rows[is_fallback], table, label=part.label)
    rejected = [
        observations.rejected for observations in screened if not observations.rejected.empty
    ]
    return Observations(
        table.name,
        pd.concat(selected, ignore_index=True),
        pd.concat(rejected, ignore_index=True)
        if rejected
        else pd.DataFrame({name: [] for name in REJECTED_COLUMNS}),
        doubts=tuple(faults),
        fills=pd.concat(fills, ignore_index=True).astype(bool),
        agreed=pd.concat(agreed, ignore_index=True) if agreed else None,
    )


def _on_one_scale(rows: pd.DataFrame, primary: pd.DataFrame) -> pd.DataFrame:
    everyone = pd.Series(True, index=rows.index)
    return rebased(rows, primary, stand_ins=everyone).rows.assign(known_at=rows["known_at"])


def _conflicts(
    rows: pd.DataFrame,
    others: pd.DataFrame,
    table: InputTable,
    *,
    names: tuple[str, str],
    agreement: Mapping[str, float],
) -> list[Fault]:
    """Name every key on which two providers' newest values differ beyond the bound."""
    if not agreement or rows.empty or others.empty:
        return []
    key = list(table.key)
    first, second = _newest(rows, key), _newest(others, key)
    both = first.merge(second, on=key, suffixes=("", "_other"))
    faults = []
    for column, bound in sorted(agreement.items()):
        mine, theirs = both[column], both[f"{column}_other"]
        apart = (mine - theirs).abs() > bound * pd.concat([mine.abs(), theirs.abs()], axis=1).max(
            axis=1
        )
        for at in both.index[apart]:
            stamp = pd.Timestamp(both.loc[at, table.event])
            day = stamp.tz_localize(None).normalize() if stamp.tzinfo else stamp
            faults.append(
                Fault(
                    entity=str(both.loc[at, table.entity]),
                    rule="providers_disagree",
                    severity="warning",
                    value=f"{names[0]} {mine[at]:.10g} is used, {names[1]} has {theirs[at]:.10g}"
                    + (f" at {stamp:%H:%M} UTC" if stamp.tzinfo else ""),
                    remedy="ask both; change the precedence, or sources.agreement if both hold",
                    column=column,
                    session=day,
                )
            )
    return faults


def _newest(rows: pd.DataFrame, key: list[str]) -> pd.DataFrame:
    ordered = rows.sort_values([*key, "known_at"], kind="stable")
    return ordered.drop_duplicates(key, keep="last")


def _fallback_faults(rows: pd.DataFrame, table: InputTable, *, label: str) -> list[Fault]:
    """Name the entities whose rows come from a fallback provider."""
    days = rows[table.event]
    if table.instant:
        days = days.dt.tz_localize(None)
    return [
        Fault(
            entity=str(entity),
            rule="fallback_provider_used",
            severity="info",
            value=f"{len(group)} rows from {label}, the newest of {group.max():%Y-%m-%d}",
            remedy="nothing to do: no other provider has these rows",
        )
        for entity, group in days.groupby(rows[table.entity].astype("str"))
    ]
