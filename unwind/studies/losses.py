"""The asset classes that fell on a session."""

import pandas as pd

from features.cross_section import class_moves, scaled_moves
from unwind.settings import Settings
from unwind.studies.history import History

N_WORST = 4


def what_fell(history: History, day: pd.Timestamp, settings: Settings) -> dict[str, float]:
    """Return the worst asset classes of a session in daily σ; empty without returns."""
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
    ).loc[[day]]
    falls = {str(name): float(column.iloc[0]) for name, column in moves.items()}
    worst = sorted((value, name) for name, value in falls.items() if value < 0)[:N_WORST]
    return {name: round(value, 1) for value, name in worst}
