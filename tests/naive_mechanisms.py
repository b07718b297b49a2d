"""Slow, obvious twins of the flow, volume, session, yen and rebound code.

One session, one hour and one sum at a time; no shared code with what they check.
"""

import math
from datetime import timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd
from scipy import optimize


def huber(y, x):
    """Coefficients at which Huber's estimating equations hold, scale 1.4826·median|e|."""
    y, x = np.asarray(y, float), np.asarray(x, float)
    coefficients = np.linalg.lstsq(x, y, rcond=None)[0]
    for _ in range(500):
        errors = y - x @ coefficients
        scale = 1.4826 * np.median(np.abs(errors))

        def loss(candidate, scale=scale):
            u = np.abs(y - x @ candidate) / scale
            return np.where(u <= 1.345, u**2 / 2, 1.345 * u - 1.345**2 / 2).sum()

        following = optimize.minimize(loss, coefficients, method="BFGS", tol=1e-12).x
        if np.abs(following - coefficients).max() < 1e-9:
            break
        coefficients = following
    return coefficients


def rolled_assets(flows, closes, opening):
    held, price, found = opening, closes[0], []
    for flow, close in zip(flows, closes, strict=True):
        held = held * close / price + flow
        price = close
        found.append(held)
    return np.array(found)


def flow_row(share, returns, shares, sessions, t, lags, window):
    """The design of one session, by name."""
    usual = [v for v in shares[max(0, t - window) : t] if not math.isnan(v)]
    enough = t >= window - math.floor(0.2 * window) and len(usual) >= math.ceil(0.8 * window)
    row = {"constant": 1.0}
    for lag in range(1, lags + 1):
        row[f"flow_{lag}"] = share[t - lag] if t >= lag else math.nan
    row["gain"] = max(returns[t], 0.0) if not math.isnan(returns[t]) else math.nan
    row["loss"] = min(returns[t], 0.0) if not math.isnan(returns[t]) else math.nan
    row["return_before"] = returns[t - 1] if t else math.nan
    row["volume"] = math.log(shares[t] / np.mean(usual)) if enough else math.nan
    for number, name in enumerate(("Tuesday", "Wednesday", "Thursday", "Friday"), start=1):
        row[name] = float(sessions[t].weekday() == number)
    row["month_start"] = float(t > 0 and sessions[t].month != sessions[t - 1].month)
    return row


def session_parts(price, cut_before, cut, opening, closing, sessions):
    """Parts of one session's move from a dict of bar start → close, minute by minute."""
    parts = dict.fromkeys(("asia", "europe", "us_cash", "after_close", "weekend"), 0.0)
    hour = cut_before
    while hour < cut:
        move = math.log(price[hour] / price[hour - timedelta(hours=1)]) / 60
        for minute in range(60):
            now = hour + timedelta(minutes=minute)
            if opening <= now < closing:
                parts["us_cash"] += move
            elif pd.Timestamp(hour.date()) not in sessions:
                parts["weekend"] += move
            elif now >= opening or hour.date() != opening.date():
                parts["after_close"] += move
            elif hour.astimezone(ZoneInfo("Europe/London")).hour < 8:
                parts["asia"] += move
            else:
                parts["europe"] += move
        hour += timedelta(hours=1)
    return parts


def rebound(before, now):
    """Correlation and slope over the assets that have both."""
    pairs = [(x, y) for x, y in zip(before, now, strict=True) if np.isfinite([x, y]).all()]
    x, y = np.array(pairs).T
    return float(np.corrcoef(x, y)[0, 1]), float(np.polyfit(x, y, 1)[0])
