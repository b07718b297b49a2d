from datetime import date

import numpy as np
import pandas as pd
import pytest

from features.cross_section import carry_unwind, risk_average
from unwind.calendar import sessions_between

SESSIONS = sessions_between(date(2025, 9, 2), date(2026, 2, 6))


class TestCarryUnwind:
    def test_both_have_to_move(self) -> None:
        yen = pd.Series([-3.0, -3.0, 3.0, -0.5, np.nan])
        risk = pd.Series([-2.0, 2.0, -2.0, -0.4, -2.0])
        found = carry_unwind(yen, risk, start=1.0)
        assert found["joint"].tolist() == pytest.approx([2, 0, 0, 0.4, np.nan], nan_ok=True)
        assert found["category"].iloc[:4].tolist() == [
            "yen up, risk down", "yen up", "risk down", "neither",
        ]  # fmt: skip
        assert pd.isna(found["category"].iloc[4])

    def test_the_average_needs_enough_assets(self) -> None:
        z = pd.DataFrame({"a": [1.0, 1.0], "b": [3.0, np.nan]})
        assert risk_average(z, min_assets=2).tolist() == pytest.approx([2, np.nan], nan_ok=True)

    def test_arguments_out_of_range(self) -> None:
        with pytest.raises(ValueError, match="^start must be above 0, got 0"):
            carry_unwind(pd.Series([0.0]), pd.Series([0.0]), start=0)
        with pytest.raises(ValueError, match="^min_assets must be at least 1, got 0"):
            risk_average(pd.DataFrame(), min_assets=0)
        said = "^z must be finite or missing, got "
        with pytest.raises(ValueError, match=said):
            risk_average(pd.DataFrame({"a": [1.0, -np.inf]}), min_assets=1)

    def test_a_move_of_just_the_start_counts(self) -> None:
        sessions = SESSIONS[:3]
        yen, risk = pd.Series([-1.0, -1.0, -0.9], sessions), pd.Series([-1.0, -0.9, -1], sessions)
        found = carry_unwind(yen, risk, start=1.0)
        assert found["category"].tolist() == ["yen up, risk down", "yen up", "risk down"]
        assert found["joint"].tolist() == [1, 0.9, 0.9]
        assert found.index.equals(sessions)
        one = risk_average(pd.DataFrame({"a": [2.0], "b": [np.nan]}, sessions[:1]), min_assets=1)
        assert one.tolist() == [2]
