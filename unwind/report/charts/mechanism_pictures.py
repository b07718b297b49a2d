"""Pictures of the mechanisms and of the evidence by block; a reason if there are no data."""

import pandas as pd

from unwind.contract.text import plain, session
from unwind.indicators.mechanisms.views import MechanismViews
from unwind.report.attribution import block_contributions
from unwind.report.charts.basis import basis_chart, term_chart
from unwind.report.charts.captions import Picture, Titled, picture
from unwind.report.charts.flows import flow_chart
from unwind.report.charts.mechanisms import contribution_chart
from unwind.report.charts.spot import barrier_chart, gamma_chart
from unwind.report.mechanisms import chart_texts


def contributions_picture(evidence: pd.DataFrame) -> Picture:
    """Draw the contribution of each evidence block to the log-odds."""
    contributions = block_contributions(evidence)
    return picture(
        "Contribution of each evidence block to the log-odds relative to ordinary volatility. "
        "Right: supports; left: contradicts; circle: no data. Common scale.",
        lambda width, name: contribution_chart(contributions, width=width, name=name),
        name="contributions",
    )


def mechanism_pictures(views: MechanismViews, *, base: str) -> tuple[Titled, ...]:
    """Draw gamma, basis, flow and barriers; a reason if there are no data."""
    texts = {name: plain(text) for name, text in chart_texts(views).items()}
    gamma, flow, barriers = views.gamma, views.flow, views.barriers
    reason = {name: text[0].upper() + text[1:] for name, text in texts.items()}
    return (
        Titled(
            "Dealer gamma exposure by spot price",
            "gamma",
            Picture(reason["gamma exposure"])
            if isinstance(gamma, str)
            else picture(
                f"{reason['gamma exposure']} Band: range over the dealer-position conventions. "
                "Shading: dealers short gamma under all conventions, or sign undetermined. "
                "Bar: range of the gamma flip.",
                lambda width, name: gamma_chart(gamma, base=base, width=width, name=name),
                name="gamma",
            ),
        ),
        *_basis_pictures(views, reason["basis"]),
        Titled(
            "ETF flow: reported and expected",
            "flow",
            Picture(reason["flow against expectation"])
            if isinstance(flow, str)
            else picture(
                f"{reason['flow against expectation']} Bars: reported flow. Line: expected flow "
                "(regression on earlier sessions). Rings: vendors disagree.",
                lambda width, name: flow_chart(flow, width=width, name=name),
                name="flow",
            ),
        ),
        Titled(
            "Structured-note barriers by spot price",
            "barriers",
            Picture(reason["barriers"])
            if isinstance(barriers, str)
            else picture(
                f"{reason['barriers']} Orange: barriers below spot. Dots: notes, each to its own "
                "maturity.",
                lambda width, name: barrier_chart(barriers, base=base, width=width, name=name),
                name="barriers",
            ),
        ),
    )


def _basis_pictures(views: MechanismViews, levels: str) -> tuple[Titled, ...]:
    basis = views.basis
    title = "Term structure of the futures basis"
    if isinstance(basis, str):
        return (Titled(title, "basis", Picture(levels)),)
    days = [session(day) for day in basis.curves]
    return (
        Titled(
            title,
            "basis",
            picture(
                f"Annualised basis at constant maturities. {levels} Bars: possible error from "
                "timing and spot-source mismatch.",
                lambda width, name: term_chart(basis, width=width, name=name),
                name="basis",
            ),
        ),
        Titled(
            f"History of the basis at {basis.tenors[0]} days",
            "basis-history",
            picture(
                f"Annualised basis with its error band, to {days[0]}.",
                lambda width, name: basis_chart(basis, width=width, name=name),
                name="basis-history",
            ),
        ),
    )
