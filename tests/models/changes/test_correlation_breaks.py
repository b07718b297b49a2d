import numpy as np
import pandas as pd
import pytest

from models.changes import Break, correlation_breaks
from models.changes.correlation_breaks import standardised
from models.errors import NotEnoughData

CHOSEN = {
    "window": 504, "min_size": 10, "penalty": 1.0, "lookback": 60, "tolerance": 5,
}  # fmt: skip


def _pair(correlations: list[float], *, n: int, seed: int = 5) -> tuple[pd.Series, pd.Series]:
    generator = np.random.default_rng(seed)
    rho = np.repeat(correlations, n)
    x, noise = generator.normal(0, 0.01, (2, len(rho)))
    y = rho * x + np.sqrt(1 - rho**2) * noise
    index = pd.bdate_range("2022-01-03", periods=len(rho))
    return pd.Series(x, index), pd.Series(y, index)


def _found(x: pd.Series, y: pd.Series, **changed: float) -> tuple[Break, ...]:
    return correlation_breaks(x, y, **{**CHOSEN, **changed})  # type: ignore[arg-type]


class TestBreak:
    def test_a_jump_from_nothing_to_nearly_one_is_dated(self) -> None:
        x, y = _pair([0.0, 0.95], n=200)
        (found,) = _found(x, y)
        place = x.index.get_loc(found.at)
        assert abs(place - 200) <= 8
        assert found.before == pytest.approx(0, abs=0.2)
        assert found.after == pytest.approx(0.95, abs=0.05)

    def test_is_never_seen_before_its_last_segment_can_exist(self) -> None:
        x, y = _pair([0.0, 0.95], n=200)
        x, y = x.iloc[:240], y.iloc[:240]
        (found,) = _found(x, y)
        assert found.first_seen is not None
        delay = x.index.get_loc(found.first_seen) - x.index.get_loc(found.at)
        assert CHOSEN["min_size"] - 1 <= delay < 40

    def test_first_seen_stays_when_rows_are_added(self) -> None:
        x, y = _pair([0.0, 0.95], n=200)
        early, late = (_found(x.iloc[:end], y.iloc[:end])[0] for end in (240, 250))
        assert early.first_seen == late.first_seen

    def test_constant_correlation_shows_none(self) -> None:
        x, y = _pair([0.5], n=500)
        assert _found(x, y) == ()


class TestVolatilityOnly:
    def test_tripled_variance_is_no_change_of_correlation(self) -> None:
        x, y = _pair([0.5], n=400)
        scale = np.where(np.arange(400) < 200, 1.0, 3.0)
        assert _found(x * scale, y * scale) == ()

    def test_standardised_returns_are_capped(self) -> None:
        x, _ = _pair([0.0], n=100)
        x.iloc[90] = 5.0
        assert standardised(x).iloc[90] == 3.0

    def test_scale_uses_earlier_rows_only(self) -> None:
        x, _ = _pair([0.0], n=100)
        other = x.copy()
        other.iloc[90:] *= 50
        pd.testing.assert_series_equal(standardised(x).iloc[:90], standardised(other).iloc[:90])


class TestTooLittle:
    def test_is_refused(self) -> None:
        x, y = _pair([0.0], n=40)
        with pytest.raises(NotEnoughData, match="a search for breaks needs at least 40"):
            _found(x, y)
