"""Futures and spot for tests: a few quotes by hand, or a market with holes."""

import numpy as np
import pandas as pd

CHOSEN = {"min_days": 5, "contracts_per_trade": 2.0, "max_wait_hours": 1.0}


def rows_of(*quotes: tuple[str, str, str, float, float]) -> pd.DataFrame:
    """Futures from (session, contract, expiry, settle, volume), each with a range of 1 %."""
    frame = pd.DataFrame(quotes, columns=["session", "contract", "expiry", "settle", "volume"])
    for name in ("session", "expiry"):
        frame[name] = pd.to_datetime(frame[name]).astype("datetime64[us]")
    return frame.assign(high=frame["settle"] * 1.01, low=frame["settle"])


def sessions_of(*days: str) -> pd.DatetimeIndex:
    return pd.DatetimeIndex(list(days)).as_unit("us")


def spot_of(sessions: pd.DatetimeIndex, *prices: float, gap: float = np.nan) -> pd.DataFrame:
    return pd.DataFrame(
        {"price": prices, "source": "hourly", "hours_apart": 0.0, "gap": gap}, index=sessions
    )


def market(seed: int, n: int = 90) -> tuple[pd.DataFrame, pd.DatetimeIndex, pd.DataFrame]:
    """Four monthly contracts, thin, silent or missing; spot with holes and two sources."""
    generator = np.random.default_rng(seed)
    sessions = pd.bdate_range("2025-01-02", periods=n, unit="us")
    price = 90_000 * np.exp(np.cumsum(0.02 * generator.standard_normal(n)))
    fridays = pd.DatetimeIndex(pd.date_range("2025-01-31", periods=9, freq="BME", unit="us"))
    parts = []
    for place, session in enumerate(sessions):
        for rank, expiry in enumerate(fridays[fridays >= session][:4]):
            if generator.random() < 0.04:
                continue
            basis = 0.06 + 0.01 * generator.standard_normal()
            settle = price[place] * (1 + basis * (expiry - session).days / 365)
            width = abs(generator.normal(0.03, 0.01)) + 0.001
            scale = [30_000, 2_000, 60, 30][rank]
            volume = generator.choice([0.0, np.nan, scale], p=[0.03, 0.03, 0.94])
            parts.append(
                {
                    "session": session, "contract": f"X{expiry:%m%y}", "expiry": expiry,
                    "settle": settle, "high": settle * (1 + width), "low": settle,
                    "volume": np.ceil(volume * np.exp(0.5 * generator.standard_normal())),
                }
            )  # fmt: skip
    spot = pd.DataFrame(
        {
            "price": np.where(generator.random(n) < 0.03, np.nan, price),
            "source": generator.choice(["hourly", "UTC day"], n, p=[0.8, 0.2]),
            "hours_apart": 0.0,
            "gap": np.where(
                generator.random(n) < 0.3, np.nan, 0.001 * generator.standard_normal(n)
            ),
        },
        index=sessions,
    )
    spot["hours_apart"] = np.where(spot["source"] == "hourly", 0.0, 2.0)
    return pd.DataFrame(parts), sessions, spot
