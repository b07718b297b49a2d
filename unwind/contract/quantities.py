"""Units and bounds of numeric input columns, and the codes that vendors write for "missing"."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pandera.pandas as pa

# "Missing" as written by Ken French's library (−99.99), data banks (−999, −9999) and others: nines
# alone. A code lies outside the bounds of its column; inside them 9,999 is a figure.
NINES = tuple(
    sorted(
        float(f"{whole}{fraction}")
        for whole in ("99", "999", "9999", "99999", "999999", "9999999", "99999999", "999999999")
        for fraction in ("", ".9", ".99", ".999", ".9999")
    )
)
# Fill values of 32-bit integers, of netCDF and of floating point.
FILLS = (2.0**31, 2.0**31 - 1, 1e20, 1e30, 9.969209968386869e36, 3.4028234663852886e38)
LARGEST_FLOAT = float(np.finfo(np.float64).max)

MISSING = "missing_value_code"
MISSING_REMEDY = "nothing to do: it counts as missing; leave such cells empty"


@dataclass(frozen=True, slots=True, kw_only=True)
class Quantity:
    """Unit and bounds of a numeric column.

    Attributes
    ----------
    unit : str
    low, high : float
        Bounds, both included: no market was ever outside them, and the wrong unit is.
    positive : bool
        Zero is not a value either.
    codes : tuple of float
        Codes for "missing" inside the bounds, or beside the common ones.
    step : float or None
        Smallest ratio of another unit in use to this one; None where a change of level says
        nothing.
    level : bool
        A series that moves by less than `step` between two rows; False: a rate or a flow, whose
        size is read from several rows.
    """

    unit: str
    low: float
    high: float
    positive: bool = False
    codes: tuple[float, ...] = ()
    step: float | None = None
    level: bool = False

    def is_code(self, values: pd.Series) -> pd.Series:
        """Mark values that a vendor writes for "missing"."""
        size = values.abs()
        common = size.isin((*NINES, *FILLS)) | (size == LARGEST_FLOAT)
        outside = (values < self.low) | (values > self.high)
        return (common & outside) | values.isin(self.codes)

    def checks(self) -> list[pa.Check]:
        """Return the rules of a value; each check's `error` is "rule|remedy"."""
        rules = [pa.Check(_is_finite, error="not_finite|write a plain decimal number")]
        if self.positive:
            rules.append(
                pa.Check.gt(0, error=f"not_positive|correct the {self.unit} or leave it empty")
            )
        elif self.low == 0:
            rules.append(pa.Check.ge(0, error="negative|correct it or leave it empty"))
        bounds = f"within {_written(self.low)} and {_written(self.high)}"
        if not self.positive and self.low == 0:
            bounds = f"at most {_written(self.high)}"
        elif self.low == -self.high:
            bounds = f"within ±{_written(self.high)}"
        rules.append(
            pa.Check(
                self._is_within,
                error=f"outside_bounds|correct it: {bounds}; the unit is {self.unit}",
            )
        )
        return rules

    def _is_within(self, values: pd.Series) -> pd.Series:
        """Mark values within the bounds; infinite and negative ones have rules of their own."""
        named = ~_is_finite(values)
        if self.positive:
            named |= values <= 0
        elif self.low == 0:
            named |= values < 0
        return named | values.between(self.low, self.high) | values.isna()


def _written(bound: float) -> str:
    """Write 1e18 and 1e-9 as people do."""
    return f"{bound:.10g}".replace("e+", "e").replace("e-0", "e-")


def _is_finite(values: pd.Series) -> pd.Series:
    return values.abs() != float("inf")


# Beyond these no market quotes; of what is not a price: more than there is, and few enough to add.
# Vendors write 0 for a price that is missing.
PRICE = Quantity(unit="price", low=1e-9, high=1e12, positive=True, codes=(0.0,))
STRIKE = Quantity(unit="price", low=1e-6, high=1e8, positive=True)
# −1 is how some feeds write "no quote" and "no volume".
QUOTE = Quantity(unit="price", low=0, high=1e8, codes=(-1.0,))
COUNT = Quantity(unit="shares, contracts or coins", low=0, high=1e18, codes=(-1.0,))
CONTRACTS = Quantity(unit="contracts or coins", low=0, high=1e9, codes=(-1.0,))
# There will be 21 million bitcoin. CME's contract is 5 of them, its micro contract a tenth.
COINS = Quantity(unit="BTC", low=0, high=21e6)
COIN_INTEREST = Quantity(unit="BTC", low=0, high=21e6, step=4.0, level=True)
DOLLAR_INTEREST = Quantity(unit="US dollars", low=0, high=1e13, step=100.0, level=True)
# Binance caps funding at 0.3 % per eight hours, and capped it at 0.75 % before.
FUNDING = Quantity(unit="decimal per day (0.0003 is 0.03 %)", low=-0.0225, high=0.0225, step=100.0)
PREMIUM = Quantity(unit="decimal (0.001 is 0.1 %)", low=-0.25, high=0.25, step=100.0)
PREMIUM_EXTREME = Quantity(unit="decimal (0.001 is 0.1 %)", low=-0.25, high=0.25)
# The lowest close of any such index was 7.5, the highest 325: a share of 1 is never above 4.
VOLATILITY_INDEX = Quantity(
    unit="annual percent", low=5, high=600, positive=True, codes=(0.0,), step=10.0, level=True
)
# Vendors print junk up to 15; the same volatility in percent lies above 20.
QUOTED_VOLATILITY = Quantity(unit="annual, as a share of 1", low=0, high=20)
# October 1987 was −17 %, the worst day of momentum −18 %.
FACTOR = Quantity(unit="percent per day", low=-30, high=30, step=100.0)
RISK_FREE = Quantity(unit="percent per day", low=-0.05, high=0.1)
# The smallest printed flow in dollars, 100,000, lies above the largest in millions. Issuers print
# two decimals: −99.99 is a figure here.
FLOW = Quantity(
    unit="millions of US dollars", low=-50_000, high=50_000, step=1000.0,
    codes=(-999.0, -999.99, -9999.0, -9999.99, 9999.0, 9999.99),
)  # fmt: skip
NOTIONAL = Quantity(unit="US dollars", low=1_000, high=1e11, positive=True)
ZSCORE = Quantity(unit="standard deviations", low=-50, high=50)
