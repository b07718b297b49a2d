"""Online detectors: exact by hand and against slow twins, causal, and as rarely wrong as stated."""

from functools import partial

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from statsmodels.datasets import nile

from models.changes import calibrated_alarms, e_alarms, glr_cusum
from models.changes.alarms import calibrated_threshold
from models.changes.bocpd import change_probability
from models.changes.e_detector import e_detector
from models.errors import NotEnoughData
from tests import naive_changepoint as naive

PRIOR = {"expected_run": 100.0, "mean": 0.0, "mean_weight": 1.0, "shape": 2.0, "scale": 1.0}
glr = partial(glr_cusum, pre_change_mean=None)
bayes = partial(change_probability, **PRIOR, min_mass=1e-3)
betting = partial(e_detector, lowest_mean=-0.1, highest_mean=0.1, floor=-3.0, ceiling=3.0)
DETECTORS = [
    pytest.param(glr, id="glr"),
    pytest.param(partial(glr_cusum, pre_change_mean=0.0), id="glr, known mean"),
    pytest.param(bayes, id="bocpd"),
    pytest.param(betting, id="e-detector"),
]


def _rows(n: int = 300, *, seed: int = 1, at: int | None = None, size: float = 1.5) -> np.ndarray:
    values = np.random.default_rng(seed).standard_t(4, n) / np.sqrt(2)
    if at is not None:
        values[at:] += size
    return np.clip(values, -3, 3)


class TestGlrCusum:
    def test_by_hand(self) -> None:
        # Known mean 0: (1)²/1; (1+3)²/2 = 8 against 3²/1 = 9; 3²/1·½… the last row adds nothing.
        statistic, changed_at = glr_cusum(np.array([1.0, 3.0, 0.0]), pre_change_mean=0.0)
        assert statistic == pytest.approx([1.0, 9.0, 16 / 3])
        assert changed_at.tolist() == [0, 1, 0]
        # Unknown mean: (x₂ − x₁)²·½ = 2, then means 2 and 0 of two rows and one: 4·⅔.
        statistic, changed_at = glr_cusum(np.array([1.0, 3.0, 0.0]), pre_change_mean=None)
        assert statistic == pytest.approx([0.0, 2.0, 8 / 3])
        assert changed_at.tolist() == [-1, 1, 2]

    @given(
        values=st.lists(st.floats(-5, 5, width=32), min_size=1, max_size=25),
        mean=st.sampled_from([None, 0.0, 0.7]),
    )
    @settings(max_examples=60, deadline=None)
    def test_matches_the_slow_twin(self, values: list[float], mean: float | None) -> None:
        rows = np.array(values, dtype=float)
        slow = [value for value, _ in naive.glr(rows, mean)]
        assert glr_cusum(rows, pre_change_mean=mean)[0] == pytest.approx(slow, abs=1e-8)

    @pytest.mark.parametrize("mean", [None, 0.0])
    def test_places_as_the_slow_twin(self, mean: float | None) -> None:
        rows = _rows(120, at=60)
        assert glr_cusum(rows, pre_change_mean=mean)[1].tolist() == [
            where for _, where in naive.glr(rows, mean)
        ]

    def test_an_unknown_level_does_not_matter(self) -> None:
        rows = _rows(at=150)
        moved, here = glr(rows + 7), glr(rows)
        assert moved[0] == pytest.approx(here[0], rel=1e-6, abs=1e-6)
        assert glr(-rows)[0] == pytest.approx(here[0])

    def test_the_nile(self) -> None:
        # Cobb (1978): the level fell after 1898, observation 28 counted from 0.
        flow = nile.load_pandas().data["volume"].to_numpy()
        statistic, changed_at = glr(flow / flow[:28].std(ddof=1))
        assert changed_at[-1] == 28
        assert statistic[-1] > 50


class TestBocpd:
    def test_by_hand(self) -> None:
        # Second row, 0 after 0. New regime: t₄, scale² = 2·1/2 = 1 → density 3/8. Old one: t₅,
        # mean 0, scale² = (1·3/2)/2.5 → density .37961/√.6. Hazard 1/100.
        log_odds, changed_at = change_probability(np.zeros(2), **PRIOR, min_mass=0.0)
        old = 0.3796066898 / np.sqrt(0.6)
        assert log_odds[0] == -np.inf
        assert log_odds[1] == pytest.approx(np.log(0.01 * 0.375 / (0.99 * old)), abs=1e-8)
        assert changed_at.tolist() == [-1, 1]

    def test_matches_the_slow_twin(self) -> None:
        rows = _rows(60, at=30)
        log_odds, changed_at = change_probability(rows, **PRIOR, min_mass=0.0)
        slow = naive.run_lengths(rows, hazard=0.01, mean=0, weight=1, shape=2, scale=1)
        for t in range(1, 60):
            posterior = slow[t]
            changed = 1 - posterior[0]
            assert log_odds[t] == pytest.approx(np.log(changed / posterior[0]), abs=1e-6)
            later = {j: mass for j, mass in posterior.items() if j > 0}
            assert later[int(changed_at[t])] == pytest.approx(max(later.values()), rel=1e-9)

    def test_dropping_short_masses_moves_little(self) -> None:
        rows = _rows(at=150)
        full, kept = (change_probability(rows, **PRIOR, min_mass=mass) for mass in (0.0, 1e-3))
        # A change that is there outweighs what is dropped on the way by far.
        assert abs(full[0][-1] - kept[0][-1]) < 0.1 * full[0][-1]
        assert full[1][-1] == kept[1][-1]

    def test_a_change_stays_seen(self) -> None:
        # The probability of a short run would be back at its usual height by now.
        log_odds, changed_at = bayes(_rows(400, at=150))
        assert log_odds[-1] > 20
        assert abs(changed_at[-1] - 150) <= 3

    @pytest.mark.parametrize(
        ("changed", "message"),
        [
            ({"expected_run": 1.0}, "expected_run must exceed 1 row"),
            ({"shape": 0.0}, "shape must be positive, got 0.0"),
            ({"min_mass": 0.5}, "min_mass must lie in"),
        ],
    )
    def test_refuses(self, changed: dict[str, float], message: str) -> None:
        with pytest.raises(ValueError, match=message):
            change_probability(np.zeros(3), **{**PRIOR, "min_mass": 0.0, **changed})


class TestEDetector:
    def test_by_hand(self) -> None:
        # At the mean every increment is 1: M counts the rows.
        statistic, changed_at = e_detector(
            np.zeros(5), lowest_mean=0.0, highest_mean=0.0, floor=-1.0, ceiling=1.0
        )
        assert statistic == pytest.approx([1, 2, 3, 4, 5])
        assert changed_at[-1] == 4

    def test_matches_the_slow_twin(self) -> None:
        rows = _rows(40, at=20)
        shares = 0.5 ** np.arange(7)
        bets = [(share / 3.1, 0.1) for share in shares] + [(-share / 3.1, -0.1) for share in shares]
        slow = naive.shiryaev_roberts(rows, bets)
        assert betting(rows)[0] == pytest.approx(slow, rel=1e-9)

    def test_its_increments_never_pay_on_average(self) -> None:
        # Two-point law on the bounds with its mean at the edge of the interval: E L = 1 exactly.
        up = (0.1 + 3) / 6
        after = [betting(np.array([x]))[0][0] for x in (3.0, -3.0)]
        assert up * after[0] + (1 - up) * after[1] <= 1 + 1e-12

    @pytest.mark.parametrize("law", ["t4", "garch"])
    def test_average_run_length_is_at_least_proven(self, law: str) -> None:
        # 1/α = 50 rows; the bound holds for the mean, whatever the law and the dependence.
        generator = np.random.default_rng(5)
        lengths = []
        for _ in range(60):
            rows = generator.standard_t(4, 500) / np.sqrt(2)
            if law == "garch":
                variance = 1.0
                for row in range(500):
                    rows[row] *= np.sqrt(variance)
                    variance = 0.05 + 0.1 * rows[row] ** 2 + 0.85 * variance
            statistic, _ = e_detector(
                np.clip(rows, -3, 3), lowest_mean=0.0, highest_mean=0.0, floor=-3.0, ceiling=3.0
            )
            over = np.flatnonzero(statistic >= 50)
            lengths.append(over[0] + 1 if len(over) else 500)
        assert np.mean(lengths) >= 50

    def test_refuses_what_lies_outside(self) -> None:
        with pytest.raises(ValueError, match=r"within \[-3.0, 3.0\], got 4.0; cap them"):
            betting(np.array([0.0, 4.0]))
        with pytest.raises(ValueError, match="bounds must rise"):
            e_detector(np.zeros(2), lowest_mean=0.2, highest_mean=0.1, floor=-1, ceiling=1)


@pytest.mark.parametrize("detector", DETECTORS)
class TestEveryDetector:
    def test_a_row_uses_rows_up_to_it(self, detector) -> None:  # type: ignore[no-untyped-def]
        rows = _rows(at=150)
        whole = detector(rows)
        for end in (1, 2, 149, 151, 155, 299):
            for all_rows, prefix in zip(whole, detector(rows[:end]), strict=True):
                assert np.array_equal(all_rows[:end], prefix)

    def test_crash_is_seen_within_days(self, detector) -> None:  # type: ignore[no-untyped-def]
        rows = _rows(at=200, size=-2.5)
        calm, (statistic, changed_at) = detector(rows[:200])[0].max(), detector(rows)
        seen = int(np.flatnonzero(statistic > calm)[0])
        assert 200 <= seen <= 220
        assert abs(changed_at[seen] - 200) <= 5

    def test_holiday_is_time_without_evidence(self, detector) -> None:  # type: ignore[no-untyped-def]
        rows = _rows(at=150)
        holes = np.insert(rows, [50, 50, 160], np.nan)
        statistic, changed_at = detector(holes)
        kept = np.delete(np.arange(303), [50, 51, 162])
        plain = detector(rows)
        assert np.array_equal(statistic[kept], plain[0])
        assert changed_at[-1] == kept[plain[1][-1]]
        assert statistic[50] == statistic[49]


class TestLateListing:
    @pytest.mark.parametrize("detector", DETECTORS)
    def test_rows_before_the_first_price_say_nothing(self, detector) -> None:  # type: ignore[no-untyped-def]
        statistic, _ = detector(np.r_[[np.nan] * 20, _rows(50)])
        assert (np.nan_to_num(statistic[:20], neginf=0) == 0).all()
        assert np.array_equal(statistic[20:], detector(_rows(50))[0])


def _alarms(values: np.ndarray, *, detector=glr, start: int = 150):  # type: ignore[no-untyped-def]
    return calibrated_alarms(
        values, start=start, detector=detector, alarms_per_year=1.0, draws=19, seed=3
    )


def _e_alarms(values: np.ndarray, *, start: int = 150):  # type: ignore[no-untyped-def]
    return e_alarms(
        values, start=start, floor=-3.0, ceiling=3.0, alarms_per_year=1.0, min_reference=40
    )


class TestAlarms:
    @pytest.mark.parametrize("alarms", [_alarms, partial(_alarms, detector=bayes), _e_alarms])
    def test_two_changes_are_two_alarms(self, alarms) -> None:  # type: ignore[no-untyped-def]
        rows = _rows(500, at=250, size=2.0)
        rows[400:] = np.clip(_rows(100, seed=2) - 1, -3, 3)
        found = alarms(rows)
        near = [min(abs(alarm.at - place) for alarm in found) for place in (250, 400)]
        assert max(near) <= (6 if alarms is not _e_alarms else 16)
        for alarm in found:
            assert alarm.at <= alarm.first_seen
            assert alarm.statistic >= alarm.threshold
            assert 0 <= alarm.confidence < 1

    @pytest.mark.parametrize("alarms", [_alarms, _e_alarms])
    def test_are_never_revised(self, alarms) -> None:  # type: ignore[no-untyped-def]
        rows = _rows(500, at=250, size=2.0)
        whole = alarms(rows)
        for end in (251, 260, 300, 420):
            assert alarms(rows[:end]) == tuple(a for a in whole if a.first_seen < end)

    def test_unit_does_not_matter(self) -> None:
        rows = _rows(400, at=250)
        one, ten = _alarms(rows), _alarms(10 * rows + 5)
        assert [(a.at, a.first_seen) for a in one] == [(a.at, a.first_seen) for a in ten]

    def test_come_about_as_often_as_stated(self) -> None:
        # 30 calm stretches of two years at one a year: 60 expected, Poisson ± 3σ and the
        # threshold's own error.
        alarms = sum(len(_alarms(_rows(252 + 504, seed=seed), start=252)) for seed in range(30))
        assert 30 <= alarms <= 100

    def test_a_rarer_rate_is_a_higher_threshold(self) -> None:
        often, rarely = (
            calibrated_threshold(
                _rows(300), detector=glr, alarms_per_year=rate, draws=19, seed=1
            ).value
            for rate in (4.0, 0.25)
        )
        assert rarely > often

    def test_too_little(self) -> None:
        with pytest.raises(NotEnoughData, match="a watched series needs at least 40"):
            _alarms(_rows(100), start=20)
        with pytest.raises(NotEnoughData, match="the rows before the watch are constant"):
            _alarms(np.ones(300))
        with pytest.raises(NotEnoughData, match="the mean before a change needs at least 40"):
            _e_alarms(_rows(100), start=20)
        with pytest.raises(ValueError, match="alarms_per_year must be positive"):
            calibrated_threshold(_rows(), detector=glr, alarms_per_year=0, draws=19, seed=1)
        with pytest.raises(ValueError, match="at least 9"):
            calibrated_threshold(_rows(), detector=glr, alarms_per_year=1, draws=5, seed=1)
