"""Slow, obvious twins of the futures code: one session and one contract at a time."""

import math
import statistics

ROBUST = 1.4826


def quantile(confidence):
    return statistics.NormalDist().inv_cdf((1 + confidence) / 2)


def median(values):
    return statistics.median(values) if values else math.nan


def fit_contracts(rows, min_days, per_trade, max_wait):
    """Rows of one session that are kept, by expiry, each with its days and wait; and counts."""
    counts = {"expiring": 0, "no volume": 0, "stale": 0}
    kept = []
    for row in sorted(rows, key=lambda one: one["expiry"]):
        days = (row["expiry"] - row["session"]).days
        volume = row["volume"]
        if days < min_days:
            counts["expiring"] += 1
        elif volume == 0:
            counts["no volume"] += 1
        elif not math.isnan(volume) and 23 * per_trade / volume > max_wait:
            counts["stale"] += 1
        else:
            wait = max_wait if math.isnan(volume) else 23 * per_trade / volume
            kept.append({**row, "days": days, "wait": wait})
    return kept, counts


def hour_variance(kept):
    if not kept or math.isnan(kept[0]["high"]):
        return math.nan
    return math.log(kept[0]["high"] / kept[0]["low"]) ** 2 / (4 * math.log(2)) / 23


def near(kept, spot, apart):
    """Contract, premium, days, timing of the nearest one."""
    if not kept:
        return None
    first = kept[0]
    timing = hour_variance(kept) * (first["wait"] + apart)
    return first["contract"], first["settle"] / spot - 1, first["days"], timing


def same_contract(kept, name, spot, apart):
    """The same of a named contract; None where it is not kept."""
    for row in kept:
        if row["contract"] == name:
            return (
                row["settle"] / spot - 1,
                row["days"],
                hour_variance(kept) * (row["wait"] + apart),
            )
    return None


def constant_maturity(kept, spot, apart, tenor):
    after = [row for row in kept if row["days"] >= tenor]
    before = [row for row in kept if row["days"] <= tenor]
    if not after:
        return None
    far = after[0]
    if not before or before[-1] is far:
        days = far["days"]
        return far["settle"] / spot - 1, days, hour_variance(kept) * (far["wait"] + apart)
    close = before[-1]
    share = (tenor - close["days"]) / (far["days"] - close["days"])
    price = (1 - share) * close["settle"] + share * far["settle"]
    wait = (1 - share) ** 2 * close["wait"] + share**2 * far["wait"]
    return price / spot - 1, tenor, hour_variance(kept) * (wait + apart)


def banded(now, before, noise2, gaps, switched, earlier_gaps, confidence):
    """Basis, error, change and its error from two ends (premium, days, timing)."""
    z2 = quantile(confidence) ** 2
    usual2 = sum(gap**2 for gap in earlier_gaps) / len(earlier_gaps) if earlier_gaps else 0.0
    usual = sum(earlier_gaps) / len(earlier_gaps) if earlier_gaps else 0.0
    gap, gap_before = gaps
    premium, days, timing = now
    square = usual2 if math.isnan(gap) else gap**2
    basis = premium * 365 / days
    error = 365 / days * math.sqrt(z2 * (noise2 + timing) + square)
    if before is None:
        return basis, error, math.nan, math.nan
    premium_before, days_before, timing_before = before
    signed = usual if math.isnan(gap) else gap
    spread = signed * 365 / days - gap_before * 365 / days_before
    total = z2 * (noise2 + timing) * (365 / days) ** 2
    total += z2 * (noise2 + timing_before) * (365 / days_before) ** 2
    total += spread**2 + (usual2 * (365 / days) ** 2 if switched else 0.0)
    return basis, error, basis - premium_before * 365 / days_before, math.sqrt(total)


def ordinary(changes, t, window, fewest, floor, confidence):
    past = [abs(one) for one in changes[max(0, t - window) : t] if not math.isnan(one)]
    if len(past) < fewest:
        return floor
    return max(floor, quantile(confidence) * ROBUST * median(past))


def kind(basis, change, usual, expired, t):
    """Type and timing at t by the words of the definition."""

    def moved(s):
        if s < 0 or math.isnan(change[s]):
            return None
        if abs(change[s]) <= usual[s] or (expired[s] and change[s] < 0):
            return 0
        return 1 if change[s] > 0 else -1

    names = {(1, -1): "UNWIND", (-1, -1): "CRUSH", (1, 1): "REBUILD", (-1, 1): "FADE"}
    if moved(t) is None:
        return "unknown", None
    if basis[t] not in (1, -1):
        alone = {-1: "positions closed", 1: "positions opened"}
        return alone.get(moved(t), "unknown"), "same session" if moved(t) else None
    if moved(t) != 0:
        return names[basis[t], moved(t)], "same session"
    if moved(t - 1) in (1, -1) and basis[t - 1] not in (1, -1):
        return names[basis[t], moved(t - 1)], "open interest first"
    return "unknown", None
