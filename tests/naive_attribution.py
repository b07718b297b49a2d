"""Slow obvious twin of the attribution ledger: plain loops, one reading at a time."""

import math

LEVELS = ["--", "-", "0", "+", "++"]


def student_density(x: float, dof: float) -> float:
    head = math.gamma((dof + 1) / 2) / (math.gamma(dof / 2) * math.sqrt(math.pi * dof))
    return head * (1 + x * x / dof) ** (-(dof + 1) / 2)


def density(x: float, level: str, smoothing) -> float:
    x = min(max(x, smoothing.locations[0]), smoothing.locations[-1])
    total = smoothing.expert + len(LEVELS) * smoothing.spread
    answer = 0.0
    for name, at in zip(LEVELS, smoothing.locations, strict=True):
        counted = smoothing.spread + (smoothing.expert if name == level else 0.0)
        answer += counted / total * student_density(x - at, smoothing.dof)
    return answer


def log_odds(readings, indicators, hypothesis, *, priors, smoothing, indicator_cap, block_cap):
    """Prior and capped votes of numeric indicators, block by block."""
    answer = math.log(priors[hypothesis] / priors["ordinary"])
    for block in {indicator.block for indicator in indicators.values()}:
        vote = 0.0
        for name, indicator in indicators.items():
            if indicator.block != block or readings.get(name) is None:
                continue
            (level,) = indicator.expected.get(hypothesis, ("0",))
            ratio = math.log(
                density(readings[name], level, smoothing) / density(readings[name], "0", smoothing)
            )
            vote += min(max(indicator.weight * ratio, -indicator_cap), indicator_cap)
        answer += min(max(vote, -block_cap), block_cap)
    return answer
