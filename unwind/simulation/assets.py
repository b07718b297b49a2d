"""Assets of a simulated market: levels, usual volumes and factor loadings."""

from typing import NamedTuple

import numpy as np

# The close of the session before the event, as on 4 February 2026. Bitcoin and ether are as of
# 16:00 New York, the close of IBIT and ETHA: 5.7e-4 and 7.6e-3 coins behind one share.
LEVELS = {
    "IBIT": 41.6, "IGV": 82.0, "GLD": 455.0, "SPY": 686.0, "QQQ": 606.0, "SMH": 390.0,
    "IWM": 260.0, "HYG": 81.0, "TLT": 87.0, "SLV": 79.0, "EEM": 58.0, "USDJPY": 157.0,
    "UUP": 27.0, "ETHA": 16.0, "MSTR": 129.0, "COIN": 169.0,
    "BTC-USD": 73_000.0, "ETH-USD": 2_100.0,
}  # fmt: skip

FACTORS = ("market", "technology", "metals", "rates", "dollar", "credit")


class Asset(NamedTuple):
    """Usual volume, annual volatility by factor, and what is the asset's own."""

    volume: float
    market: float = 0.0
    technology: float = 0.0
    metals: float = 0.0
    rates: float = 0.0
    dollar: float = 0.0
    credit: float = 0.0
    crypto: float = 0.0
    own: float = 0.0

    @property
    def annual(self) -> float:
        """Annual volatility in calm times."""
        return float(np.linalg.norm(self[1:]))


# Loadings that give the annual volatilities and correlations of January 2024 to January 2026
# within a few points: IBIT 50 %, SPY 16 %; IBIT–IGV 0.40, IBIT–GLD 0.09, SPY–QQQ 0.96.
# Volumes are shares a session.
EXCHANGE = {
    "IGV": Asset(4.7e6, market=0.19, technology=0.10, own=0.115),
    "GLD": Asset(8.4e6, market=0.005, metals=0.15, rates=0.02, dollar=-0.055, own=0.07),
    "SPY": Asset(6.2e7, market=0.158, technology=0.02, own=0.02),
    "QQQ": Asset(4.2e7, market=0.192, technology=0.065, own=0.02),
    "SMH": Asset(7.2e6, market=0.28, technology=0.17, own=0.15),
    "IWM": Asset(3.0e7, market=0.172, technology=-0.02, credit=0.06, own=0.115),
    "HYG": Asset(3.5e7, market=0.036, rates=0.016, credit=0.03, own=0.015),
    "TLT": Asset(3.3e7, market=0.01, rates=0.126, own=0.03),
    "SLV": Asset(2.1e7, market=0.07, metals=0.26, dollar=-0.06, own=0.17),
    "EEM": Asset(2.6e7, market=0.11, technology=0.015, metals=0.03, dollar=-0.045, own=0.10),
    "USDJPY": Asset(0.0, market=0.025, rates=-0.02, dollar=0.03, own=0.085),
    "UUP": Asset(9.9e5, market=-0.005, rates=-0.01, dollar=0.07, own=0.03),
    "MSTR": Asset(1.3e7, market=0.35, technology=0.10, crypto=0.62, own=0.56),
    "COIN": Asset(9.3e6, market=0.38, technology=0.15, crypto=0.40, own=0.50),
}
# Volumes are coins an hour on one venue.
CRYPTO = {
    "BTC-USD": Asset(700.0, market=0.21, technology=0.08, metals=0.05, crypto=0.436),
    "ETH-USD": Asset(9000.0, market=0.30, technology=0.09, crypto=0.52, own=0.40),
}
TRUSTS = {"IBIT": "BTC-USD", "ETHA": "ETH-USD"}

OFFSHORE = "Binance"  # the venue of the hourly bars and of the perpetual
