"""Tables of the desk report alone."""

import pandas as pd

from unwind.contract.text import NULL, number, percent, plain, session
from unwind.report.format import Grid, Heading, grid_of, records


def tail_grid(rows: pd.DataFrame) -> Grid:
    """Format VaR and ES with their backtests."""
    return grid_of(
        sorted(records(rows), key=lambda row: (row["asset"], -row["level"])),
        {
            Heading("Series"): lambda row: plain(row["asset"]),
            Heading("Level", numeric=True): lambda row: percent(1 - row["level"], decimals=0),
            Heading("VaR, next session", numeric=True): lambda row: percent(
                row["value_at_risk"], decimals=2
            ),
            Heading("ES", numeric=True): lambda row: percent(row["expected_shortfall"], decimals=2),
            Heading("Breaches", numeric=True): lambda row: (
                NULL
                if row["breaches"] is None
                else f"{row['breaches']:.0f} of {row['sessions']:.0f}, expected "
                f"{number(row['breaches_expected'], decimals=1)}"
            ),
            Heading("p, frequency", numeric=True): lambda row: number(
                row["coverage_p"], decimals=3
            ),
            Heading("p, clustering", numeric=True): lambda row: number(
                row["conditional_p"], decimals=3
            ),
            Heading("p, size", numeric=True): lambda row: number(row["shortfall_p"], decimals=3),
            Heading("Distribution"): lambda row: (
                f"{plain(row['model'])}, {plain(row['tail'] or NULL)}"
            ),
        },
    )


def volatility_grid(rows: pd.DataFrame) -> Grid:
    """Format σ by asset; a fit that did not converge says so."""
    return grid_of(
        sorted(records(rows), key=lambda row: (row["asset"], row["model"])),
        {
            Heading("Series"): lambda row: plain(row["asset"]),
            Heading("σ annualised, next session", numeric=True): lambda row: percent(
                row["sigma_annual"], decimals=1
            ),
            Heading("σ of the session", numeric=True): lambda row: percent(
                row["sigma"], decimals=2
            ),
            Heading("Residual, σ", numeric=True): lambda row: number(row["residual"], decimals=2),
            Heading("n", numeric=True): lambda row: number(row["n"], decimals=0),
            Heading("Estimated to"): lambda row: session(row["estimated_to"]),
            Heading("Fit"): lambda row: (
                f"{plain(row['model'])}, {'converged' if row['converged'] else 'not converged'}"
            ),
        },
    )


def changepoint_grid(rows: pd.DataFrame) -> Grid:
    """Format breaks, the latest first."""
    ordered = sorted(records(rows), key=lambda row: (row["pair"], row["method"]))
    ordered.sort(key=lambda row: session(row["break_at"]), reverse=True)
    return grid_of(
        ordered,
        {
            Heading("Monitored"): lambda row: plain(row["pair"]),
            Heading("Break at"): lambda row: session(row["break_at"]),
            Heading("Detected"): lambda row: session(row["first_seen"]),
            Heading("Delay", numeric=True): lambda row: number(row["delay"], decimals=0),
            Heading("Before", numeric=True): lambda row: number(row["before"], decimals=2),
            Heading("After", numeric=True): lambda row: number(row["after"], decimals=2),
            Heading("n before", numeric=True): lambda row: number(row["n_before"], decimals=0),
            Heading("n after", numeric=True): lambda row: number(row["n_after"], decimals=0),
            Heading("Confidence", numeric=True): lambda row: number(row["confidence"], decimals=2),
            Heading("Method"): lambda row: plain(row["method"]),
        },
    )
