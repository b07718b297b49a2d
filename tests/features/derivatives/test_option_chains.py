import numpy as np
import pandas as pd
import pytest

from features.derivatives import clean_chain, delta_skew, european_options, put_share

MODEL = {"spot": 50.0, "rate": 0.0, "dividend_yield": 0.0}
RULES = {**MODEL, "min_volatility": 0.05, "max_volatility": 4.0}


def chain(strikes, years, smile, *, half_spread=0.01):
    """A chain quoted from a smile: volatility by (strike, years)."""
    rows = [(y, k, side) for y in years for k in strikes for side in ("call", "put")]
    held = pd.DataFrame(rows, columns=["years", "strike", "right"])
    sigma = [smile(k, y) for y, k in zip(held["years"], held["strike"], strict=True)]
    value = european_options(held["right"], held["strike"], held["years"], sigma, **MODEL)["value"]
    return held.assign(
        bid=value - half_spread, ask=value + half_spread, open_interest=100.0, truth=sigma
    )


def quote(right, strike, bid, ask, *, years=0.25, interest=10.0):
    return {
        "years": years, "strike": strike, "right": right, "bid": bid, "ask": ask,
        "open_interest": interest,
    }  # fmt: skip


class TestCleanChain:
    def test_solves_what_the_quotes_were_made_of(self):
        given = chain([45, 48, 50, 52, 55], [0.1, 0.5], lambda k, y: 0.5 + (k - 50) ** 2 / 500)
        clean = clean_chain(given, **RULES)
        assert clean.rejected == {}
        assert clean.coverage == 1
        np.testing.assert_allclose(
            clean.contracts["volatility"], clean.contracts["truth"], rtol=1e-6
        )

    def test_ignores_the_vendors_volatility(self):
        given = chain([48, 50, 52], [0.25], lambda k, y: 0.6).assign(implied_vol=14.0)
        clean = clean_chain(given, **RULES)
        np.testing.assert_allclose(clean.contracts["volatility"], 0.6, rtol=1e-6)

    def test_turns_each_fault_away_by_its_name(self):
        given = pd.DataFrame(
            [
                quote("call", 55, 2.0, 2.1),  # sound
                quote("call", 60, 0.0, 0.05),
                quote("call", 61, 1.0, 0.0),
                quote("call", 62, 1.2, 1.1),
                quote("call", 63, np.nan, 1.0),
                quote("call", 56, 1.0, 1.1, years=0.0),
                quote("put", 58, 7.0, 7.2),  # intrinsic value is 8
                quote("call", 64, 55.0, 56.0),  # more than the underlying
                quote("call", 100, 40.0, 41.0),  # needs some 700 %
            ]
        )
        clean = clean_chain(given, **RULES)
        assert clean.rejected == {
            "above bound": 1, "below intrinsic": 1, "crossed": 1, "expired": 1, "implausible": 1,
            "no quote": 1, "one-sided": 2,
        }  # fmt: skip
        assert clean.contracts["strike"].tolist() == [55]
        assert clean.coverage == pytest.approx(1 / 9)

    def test_the_side_out_of_the_money_speaks_for_its_strike(self):
        given = chain([45, 55], [0.25], lambda k, y: 0.5)
        inside = (given["right"] == "call") == (given["strike"] < 50)
        given.loc[inside, ["bid", "ask"]] += 0.5  # a wide, early-exercisable quote
        clean = clean_chain(given, **RULES)
        np.testing.assert_allclose(clean.contracts["volatility"], 0.5, rtol=1e-6)

    def test_a_crossed_wing_leaves_the_strike_to_the_other_side(self):
        given = chain([55], [0.25], lambda k, y: 0.5)
        given.loc[given["right"] == "call", "bid"] += 5
        clean = clean_chain(given, **RULES)
        assert clean.contracts["right"].tolist() == ["put"]
        assert clean.contracts["volatility"].item() == pytest.approx(0.5, rel=1e-6)

    def test_a_wing_without_a_bid_takes_its_strike_along(self):
        given = chain([55], [0.25], lambda k, y: 0.5)
        given.loc[given["right"] == "call", "bid"] = 0.0
        clean = clean_chain(given, **RULES)
        assert clean.rejected == {"one-sided": 1, "wing without a bid": 1}
        assert clean.contracts.empty

    def test_order_does_not_matter(self):
        given = chain([45, 50, 55], [0.1, 0.5], lambda k, y: 0.4 + 0.1 * y)
        there = clean_chain(given, **RULES).contracts
        back = clean_chain(given.iloc[::-1], **RULES).contracts.iloc[::-1]
        pd.testing.assert_frame_equal(there, back)

    def test_nothing_open_has_no_coverage(self):
        given = chain([50], [0.25], lambda k, y: 0.5).assign(open_interest=np.nan)
        assert np.isnan(clean_chain(given, **RULES).coverage)

    def test_refuses_a_chain_without_its_columns(self):
        said = r"^chain must have the columns \['bid'\], got \['years', .*, 'truth'\]"
        with pytest.raises(ValueError, match=said):
            clean_chain(chain([50], [0.25], lambda k, y: 0.5).drop(columns="bid"), **RULES)

    def test_the_edges_of_the_rules(self):
        given = pd.DataFrame(
            [
                quote("call", 55, 2.0, 2.0),  # locked, not crossed
                quote("call", 44, 5.75, 6.25),  # the middle is the intrinsic value
                quote("call", 57, 49.5, 50.5),  # the middle is the underlying
                quote("call", 58, -1.0, 2.0),
                quote("call", 59, 1.0, np.nan),
                quote("call", 60, 1.0, 1.1, years=np.nan),
            ]
        )
        clean = clean_chain(given, **RULES)
        assert clean.rejected == {
            "above bound": 1, "below intrinsic": 1, "expired": 1, "no quote": 1, "one-sided": 1,
        }  # fmt: skip
        assert clean.contracts["strike"].tolist() == [55]

    def test_the_first_rule_that_a_quote_breaks_is_counted(self):
        given = pd.DataFrame(
            [
                quote("call", 55, np.nan, 0.0, years=0.0),
                quote("call", 56, np.nan, 0.0),
                quote("call", 57, 99.0, 0.0),
                quote("call", 58, 99.0, 98.0),
            ]
        )
        assert clean_chain(given, **RULES).rejected == {
            "crossed": 1, "expired": 1, "no quote": 1, "one-sided": 1,
        }  # fmt: skip

    def test_the_ends_of_what_is_plausible_are_plausible(self):
        given = chain([45, 55], [0.25], lambda k, y: 0.4 if k < 50 else 0.6)
        solved = clean_chain(given, **RULES).contracts["volatility"]
        ends = {"min_volatility": solved.min(), "max_volatility": solved.max()}
        assert clean_chain(given, **(RULES | ends)).coverage == 1
        narrow = {"min_volatility": solved.min() + 1e-3, "max_volatility": solved.max() - 1e-3}
        assert clean_chain(given, **(RULES | narrow)).rejected == {"implausible": 4}

    def test_at_the_forward_the_call_speaks(self):
        given = chain([50], [0.25], lambda k, y: 0.5)
        given.loc[given["right"] == "put", ["bid", "ask"]] += 0.5
        clean = clean_chain(given, **RULES)
        np.testing.assert_allclose(clean.contracts["volatility"], 0.5, rtol=1e-6)

    def test_out_of_the_money_is_told_from_the_forward(self):
        # carried at 40 % for half a year 50 becomes 61: a call struck at 55 is in the money
        model = MODEL | {"rate": 0.4}
        held = pd.DataFrame({"years": 0.5, "strike": 55.0, "right": ["call", "put"]})
        value = european_options(held["right"], held["strike"], held["years"], [0.9, 0.5], **model)[
            "value"
        ]
        given = held.assign(bid=value - 0.01, ask=value + 0.01, open_interest=1.0)
        clean = clean_chain(given, **(RULES | model))
        np.testing.assert_allclose(clean.contracts["volatility"], 0.5, rtol=1e-6)

    def test_a_contract_without_open_interest_weighs_nothing(self):
        given = pd.DataFrame(
            [
                quote("call", 55, 2.0, 2.1, interest=30.0),
                quote("call", 60, 0.0, 0.05, interest=10.0),
                quote("call", 65, 1.0, 1.1, interest=np.nan),
            ]
        )
        assert clean_chain(given, **RULES).coverage == 0.75


class TestSkew:
    STRIKES = np.arange(20.0, 121.0)

    def skew(self, given, **changed):
        clean = clean_chain(given, **RULES).contracts
        return delta_skew(clean, **(MODEL | {"delta": 0.25, "tenor_days": 73} | changed))

    def test_a_flat_smile_has_none(self):
        found = self.skew(chain(self.STRIKES, [0.1, 0.3], lambda k, y: 0.6))
        assert found.difference == pytest.approx(0, abs=1e-6)
        assert found.put == pytest.approx(0.6, rel=1e-6)
        assert found.expiries == 2

    def test_puts_above_calls(self):
        found = self.skew(chain(self.STRIKES, [0.2], lambda k, y: 0.6 - 0.2 * np.log(k / 50)))
        # tenor 0.2 years is the one expiry; 25-delta strikes of about 42.5 and 61
        assert found.expiries == 1
        assert found.put == pytest.approx(0.6 - 0.2 * np.log(42.5 / 50), abs=3e-3)
        assert found.call == pytest.approx(0.6 - 0.2 * np.log(61.5 / 50), abs=3e-3)

    def test_total_variance_is_linear_between_expiries(self):
        found = self.skew(chain(self.STRIKES, [0.1, 0.3], lambda k, y: 0.5 if y < 0.2 else 0.7))
        expected = np.sqrt((0.5 * 0.25 * 0.1 + 0.5 * 0.49 * 0.3) / 0.2)
        assert found.put == pytest.approx(expected, rel=1e-6)

    @pytest.mark.parametrize("years", [[0.05, 0.1], [0.3, 0.5]])
    def test_no_tenor_is_carried_beyond_the_expiries(self, years):
        found = self.skew(chain(self.STRIKES, years, lambda k, y: 0.6))
        assert np.isnan(found.difference)
        assert found.expiries == 0

    def test_no_wing_is_carried_beyond_the_strikes(self):
        assert np.isnan(self.skew(chain([50, 51], [0.1, 0.3], lambda k, y: 0.6)).difference)

    def test_refuses_a_delta_beyond_the_middle(self):
        for wrong in (0.5, 0.0):
            said = f"^delta must lie between 0 and 0.5, got {wrong}"
            with pytest.raises(ValueError, match=said):
                self.skew(chain([50], [0.2], lambda k, y: 0.5), delta=wrong)
        with pytest.raises(ValueError, match="^tenor_days must be above 0, got 0"):
            self.skew(chain([50], [0.2], lambda k, y: 0.5), tenor_days=0)

    def test_an_expiry_without_wings_is_passed_over(self):
        # the nearest expiry on either side lists two strikes: the next one out is read
        wide = chain(self.STRIKES, [0.05, 0.4], lambda k, y: 0.5 if y < 0.2 else 0.7)
        narrow = chain([50, 51], [0.15, 0.25], lambda k, y: 0.9)
        found = self.skew(pd.concat([wide, narrow], ignore_index=True))
        share = (0.2 - 0.05) / (0.4 - 0.05)
        expected = np.sqrt(((1 - share) * 0.25 * 0.05 + share * 0.49 * 0.4) / 0.2)
        assert found.expiries == 2
        assert found.call == pytest.approx(expected, rel=1e-6)
        # of several with wings, the nearest
        more = chain(self.STRIKES, [0.02, 0.9], lambda k, y: 0.2)
        again = self.skew(pd.concat([wide, more], ignore_index=True))
        assert again.put == pytest.approx(expected, rel=1e-6)

    def test_calls_alone_have_no_skew(self):
        given = chain(self.STRIKES, [0.2], lambda k, y: 0.6)
        found = self.skew(given[given["right"] == "call"])
        assert np.isnan([found.put, found.call, found.difference]).all()


class TestPutShare:
    def test_by_hand(self):
        right = pd.Series(["call", "put", "put"])
        assert put_share(right, pd.Series([30.0, 10.0, np.nan])) == 0.25
        assert np.isnan(put_share(right, pd.Series([0.0, 0.0, np.nan])))
