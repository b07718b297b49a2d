"""The asset classes that fell on a session."""

import pandas as pd

from features.cross_section import class_moves, scaled_moves
from unwind.settings import Settings
from unwind.studies.history import History

N_WORST = 4


def what_fell(history: History, day: pd.Timestamp, settings: Settings) -> dict[str, float]:
    """Return the worst asset classes of a session, in σ of one session; empty without returns."""
    if history.returns.empty:
        return {}
    rules = settings.verdict
    moves = class_moves(
        scaled_moves(
            history.returns.loc[:day].iloc[-rules.window - 2 :],
            horizon=1,
            window=rules.window,
            min_observations=rules.min_observations,
        ),
        classes=rules.classes,
    ).loc[day]
    worst = moves.dropna().nsmallest(N_WORST)
    return {str(name): round(float(value), 1) for name, value in worst.items() if value < 0}
