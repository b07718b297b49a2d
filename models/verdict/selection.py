"""Probability that the best of many rules was best by luck."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np

from features._typing import Floats


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """Result of combinatorially symmetric cross-validation.

    Attributes
    ----------
    probability : float
        Share of splits in which the best rule of one half ranks below the median of the other.
    n_splits, n_rules : int
    best_chosen, best_other : float
        Mean performance of the chosen rule on the half that chose it, and on the other half.
    """

    probability: float
    n_splits: int
    n_rules: int
    best_chosen: float
    best_other: float


def overfitting_probability(performance: Floats) -> Overfitting:
    """Probability of backtest overfitting (Bailey, Borwein, López de Prado and Zhu 2017).

    Parameters
    ----------
    performance : array of shape (n_groups, n_rules)
        What each rule earned in each group of sessions; it adds up over groups. An even number of
        groups; every split into two halves is used once.

    Raises
    ------
    ValueError
        Fewer than four groups, an odd number of them, or fewer than two rules.
    """
    n_groups, n_rules = performance.shape
    if n_groups < 4 or n_groups % 2 or n_rules < 2:
        raise ValueError(
            "overfitting needs an even number of groups, at least 4, and 2 rules, got "
            f"{n_groups} groups and {n_rules} rules; split the sessions otherwise"
        )
    below, chosen_in, chosen_out = [], [], []
    whole = performance.sum(axis=0)
    for half in combinations(range(n_groups), n_groups // 2):
        inside = performance[list(half)].sum(axis=0)
        outside = whole - inside
        best = int(np.argmax(inside))
        # Relative rank of the chosen rule among all, ties at their middle.
        rank = (outside < outside[best]).sum() + 0.5 * (outside == outside[best]).sum() + 0.5
        below.append(rank / (n_rules + 1) <= 0.5)
        chosen_in.append(inside[best])
        chosen_out.append(outside[best])
    return Overfitting(
        probability=float(np.mean(below)),
        n_splits=len(below),
        n_rules=n_rules,
        best_chosen=float(np.mean(chosen_in)),
        best_other=float(np.mean(chosen_out)),
    )
