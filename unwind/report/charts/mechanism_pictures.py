"""Pictures of the mechanisms and of the votes for the report; a reason where there is nothing."""

import pandas as pd

from unwind.contract.text import plain, session
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.attribution import block_contributions
from unwind.report.charts.basis import basis_chart, term_chart
from unwind.report.charts.captions import Picture, Titled, picture
from unwind.report.charts.flows import flow_chart
from unwind.report.charts.mechanisms import vote_chart
from unwind.report.charts.spot import barrier_chart, gamma_chart
from unwind.report.mechanisms import chart_texts


def votes_picture(evidence: pd.DataFrame) -> Picture:
    """Draw who votes for what."""
    votes = block_contributions(evidence)
    return picture(
        "Log-odds against ordinary volatility that each block adds: right speaks for, left "
        "against; a circle says nothing. One scale for all.",
        lambda width, name: vote_chart(votes, width=width, name=name),
        name="votes",
    )


def mechanism_pictures(views: MechanismViews, *, base: str) -> tuple[Titled, ...]:
    """Draw the mechanisms: gamma, basis, flow, barriers; a reason where there is nothing."""
    told = {name: plain(text) for name, text in chart_texts(views).items()}
    gamma, flow, barriers = views.gamma, views.flow, views.barriers
    reason = {name: text[0].upper() + text[1:] for name, text in told.items()}
    return (
        Titled(
            "Gamma exposure of dealers over spot",
            "gamma",
            Picture(reason["gamma exposure"])
            if isinstance(gamma, str)
            else picture(
                f"{reason['gamma exposure']} Band: the lowest and highest of the conventions on "
                "who holds what. Shaded: dealers short in all of them, or unknown where they "
                "differ. Bar at the top: where the flip may lie.",
                lambda width, name: gamma_chart(gamma, base=base, width=width, name=name),
                name="gamma",
            ),
        ),
        *_basis_pictures(views, reason["basis"]),
        Titled(
            "ETF flow against expectation",
            "flow",
            Picture(reason["flow against expectation"])
            if isinstance(flow, str)
            else picture(
                f"{reason['flow against expectation']} Bars: printed flow; line: expected by a fit "
                "to earlier sessions; rings: vendors conflict.",
                lambda width, name: flow_chart(flow, width=width, name=name),
                name="flow",
            ),
        ),
        Titled(
            "Barriers of structured notes over spot",
            "barriers",
            Picture(reason["barriers"])
            if isinstance(barriers, str)
            else picture(
                f"{reason['barriers']} Orange: barriers below spot. Dots: the notes, each with its "
                "own maturity.",
                lambda width, name: barrier_chart(barriers, base=base, width=width, name=name),
                name="barriers",
            ),
        ),
    )


def _basis_pictures(views: MechanismViews, told: str) -> tuple[Titled, ...]:
    basis = views.basis
    title = "Term structure of the futures’ basis"
    if isinstance(basis, str):
        return (Titled(title, "basis", Picture(told)),)
    days = [session(day) for day in basis.curves]
    return (
        Titled(
            title,
            "basis",
            picture(
                f"Annualised, constant maturities. {told} Bars: what mismatched clocks and spot "
                "sources may make.",
                lambda width, name: term_chart(basis, width=width, name=name),
                name="basis",
            ),
        ),
        Titled(
            f"History of the basis at {basis.tenors[0]} days",
            "basis-history",
            picture(
                f"Annualised, with its error band, to {days[0]}.",
                lambda width, name: basis_chart(basis, width=width, name=name),
                name="basis-history",
            ),
        ),
    )
