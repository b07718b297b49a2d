"""The scenarios of a simulated market, and the scripts of their sessions."""

from unwind.simulation.plans import Day, Scenario

# Sessions before, on and after 5 February 2026, rounded; silver and gold milder than on 30 January,
# so that the run-up alone does not decide a 20-session correlation.
_MULTI_STRATEGY_DAYS = {
    -5: Day(returns={"BTC-USD": -4.5, "ETH-USD": -6.0, "IGV": -4.9, "SLV": -2.0, "MSTR": -8.0}),
    -4: Day(returns={"BTC-USD": -0.5, "ETH-USD": -2.0, "IGV": -2.1, "SLV": -8.0, "GLD": -3.0}),
    -3: Day(
        returns={"BTC-USD": -4.0, "ETH-USD": -7.0, "IGV": -0.9, "SLV": -4.0, "MSTR": -5.0},
        basis=-0.005,
    ),
    -2: Day(
        returns={
            "BTC-USD": -2.0, "ETH-USD": -2.5, "MSTR": -4.5, "COIN": -4.4, "IGV": -4.6, "SMH": -2.0,
            "QQQ": -1.5, "SPY": -0.8, "IWM": -0.5, "HYG": -0.1, "EEM": -0.5, "SLV": -4.0,
            "GLD": 0.6, "TLT": 0.3, "UUP": 0.1,
        },
        basis=-0.005,
        flow_usd_m=60.0,
    ),
    -1: Day(
        # The same names fall again: reversal sleeves lose, and winners are sold against losers.
        returns={
            "BTC-USD": -4.0, "ETH-USD": -5.0, "MSTR": -5.0, "COIN": -6.0, "IGV": -3.0, "SMH": -3.0,
            "QQQ": -1.7, "SPY": -0.5, "IWM": -0.6, "HYG": -0.1, "EEM": -0.8, "SLV": -3.0,
            "GLD": 0.2, "TLT": 0.2, "UUP": 0.2,
        },
        momentum=0.8,
        basis=-0.005,
        open_interest_cme=-0.03,
        flow_usd_m=-370.0,
        factors_pct={"SMB": -0.9, "HML": -1.4, "RMW": -1.1, "CMA": -1.0, "Mom": -3.2},
        zscore=-3.5,
    ),
    0: Day(
        returns={
            "BTC-USD": -13.2, "ETH-USD": -14.0, "MSTR": -17.0, "COIN": -13.3, "IGV": -5.0,
            "SMH": -1.8, "QQQ": -1.4, "SPY": -1.2, "IWM": -1.8, "HYG": -0.3, "EEM": -1.6,
            "SLV": -16.0, "GLD": -2.7, "TLT": 0.8, "UUP": 0.3, "USDJPY": -0.1,
        },
        hours="us_cash",
        ibit_volume=2.8e8,
        vix=0.12,
        dvol=0.42,
        basis=0.02,
        open_interest_cme=-0.09,
        open_interest_offshore=-0.04,
        funding=-0.0002,
        flow_usd_m=-175.0,
        factors_pct={"SMB": -0.7, "HML": -0.4, "Mom": -1.8},
        zscore=-2.0,
    ),
    1: Day(
        returns={
            "BTC-USD": 10.0, "ETH-USD": 10.5, "MSTR": 22.0, "COIN": 13.0, "IGV": 3.5, "SMH": 5.0,
            "QQQ": 2.1, "SPY": 1.9, "IWM": 3.3, "HYG": 0.3, "EEM": 1.8, "SLV": 5.3, "GLD": 3.1,
            "TLT": 0.0, "UUP": -0.3, "USDJPY": 0.1,
        },
        hours="us_cash",
        ibit_volume=1.6e8,
        vix=-0.12,
        dvol=-0.30,
        basis=0.045,
        open_interest_cme=0.05,
        open_interest_offshore=0.01,
        flow_usd_m=230.0,
        zscore=0.5,
    ),
}  # fmt: skip


# 10–11 October 2025: after the ETF close, offshore, on leverage that only crypto has.
_CRYPTO_DAYS = {
    0: Day(
        returns={"BTC-USD": -11.0, "ETH-USD": -15.0, "MSTR": -9.0, "COIN": -8.0},
        hours="after_close",
        dvol=0.35,
        basis=-0.03,
        open_interest_cme=-0.02,
        open_interest_offshore=-0.35,
        funding=-0.0015,
        flow_usd_m=-120.0,
    ),
    1: Day(
        returns={"BTC-USD": 3.0, "ETH-USD": 5.0, "MSTR": 3.0, "COIN": 2.5},
        dvol=-0.15,
        basis=0.005,
        open_interest_offshore=0.03,
    ),
}


# 2, 5 and 6 August 2024.
_YEN_DAYS = {
    -2: Day(returns={"USDJPY": -0.8, "SPY": -1.3, "QQQ": -2.2, "BTC-USD": -2.5}, vix=0.08),
    -1: Day(
        returns={
            "USDJPY": -1.6, "SPY": -1.8, "QQQ": -2.3, "SMH": -4.0, "IWM": -3.0, "IGV": -2.5,
            "EEM": -1.2, "HYG": -0.3, "BTC-USD": -4.0, "ETH-USD": -5.0, "MSTR": -5.0, "COIN": -4.5,
            "TLT": 1.5,
        },
        vix=0.12,
        dvol=0.08,
    ),
    0: Day(
        returns={
            "USDJPY": -3.4, "SPY": -3.0, "QQQ": -3.2, "SMH": -3.5, "IWM": -3.3, "IGV": -2.9,
            "EEM": -3.0, "HYG": -0.7, "SLV": -4.2, "GLD": -1.3, "TLT": 0.5, "UUP": -0.4,
            "BTC-USD": -11.0, "ETH-USD": -15.0, "MSTR": -10.0, "COIN": -8.0,
        },
        hours="asia",
        vix=0.40,
        dvol=0.30,
        basis=-0.01,
        open_interest_cme=-0.05,
        open_interest_offshore=-0.12,
        funding=-0.0006,
        flow_usd_m=0.0,
        factors_pct={"Mom": -0.9},
        zscore=-1.8,
    ),
    1: Day(
        returns={
            "USDJPY": 1.2, "SPY": 1.0, "QQQ": 1.1, "SMH": 1.5, "IWM": 1.2, "IGV": 1.5, "EEM": 1.2,
            "HYG": 0.3, "SLV": -0.5, "GLD": -0.8, "TLT": -1.5, "BTC-USD": 5.5, "ETH-USD": 4.0,
            "MSTR": 5.0, "COIN": 3.0,
        },
        vix=-0.28,
        dvol=-0.20,
    ),
}  # fmt: skip


# 11, 12 and 13 March 2020, milder; Treasuries fall as on the 18th.
_DASH_DAYS = {
    -1: Day(
        returns={
            "SPY": -3.0, "QQQ": -2.8, "SMH": -3.5, "IWM": -4.0, "IGV": -3.0, "EEM": -2.8,
            "HYG": -1.5, "TLT": -1.2, "GLD": -0.6, "SLV": -1.0, "UUP": 0.5, "USDJPY": 0.2,
            "BTC-USD": -2.0, "ETH-USD": -3.0, "MSTR": -3.5, "COIN": -4.0,
        },
        vix=0.15,
    ),
    0: Day(
        returns={
            "SPY": -6.5, "QQQ": -6.0, "SMH": -7.5, "IWM": -8.0, "IGV": -6.0, "EEM": -6.5,
            "HYG": -3.5, "TLT": -2.8, "GLD": -3.4, "SLV": -6.5, "UUP": 1.9, "USDJPY": 0.6,
            "BTC-USD": -16.0, "ETH-USD": -18.0, "MSTR": -15.0, "COIN": -14.0,
        },
        ibit_volume=2.2e8,
        vix=0.35,
        dvol=0.35,
        basis=-0.015,
        open_interest_cme=-0.07,
        open_interest_offshore=-0.10,
        funding=-0.0005,
        flow_usd_m=-250.0,
        factors_pct={"Mom": -1.0},
        zscore=-1.8,
    ),
    1: Day(
        returns={
            "SPY": 1.5, "QQQ": 1.5, "SMH": 1.5, "IWM": 0.5, "IGV": 1.5, "EEM": 0.5, "HYG": -0.8,
            "TLT": 0.8, "GLD": -0.8, "SLV": -1.5, "UUP": 0.5, "USDJPY": 0.5, "BTC-USD": 2.0,
            "ETH-USD": 1.0, "MSTR": 1.0, "COIN": 1.0,
        },
        vix=-0.08,
        dvol=-0.05,
    ),
}  # fmt: skip


_OUTFLOW_DAY = Day(
    returns={"BTC-USD": -1.3, "ETH-USD": -1.7, "MSTR": -2.0, "COIN": -1.6},
    noise=0.25,
    dvol=0.01,
    basis=-0.006,
    open_interest_cme=-0.012,
    open_interest_offshore=-0.008,
    funding=-0.00005,
    flow_usd_m=-420.0,
)


PLANS: dict[str, Scenario] = {
    "calm": Scenario(
        description="ordinary clustering volatility, constant correlations, no event",
        mechanism="ordinary",
        stress=None,
    ),
    "multi_strat_unwind": Scenario(
        description="multi-strategy degrossing shaped like 5 February 2026: narrow, in US cash "
        "hours, with a rebound",
        mechanism="multi_strategy",
        stress=(-5, 1),
        days=_MULTI_STRATEGY_DAYS,
    ),
    "crypto_liquidation": Scenario(
        description="offshore crypto liquidation after the US close or at a weekend, shaped like "
        "10 October 2025",
        mechanism="crypto_native",
        stress=(0, 1),
        days=_CRYPTO_DAYS,
    ),
    "yen_carry": Scenario(
        description="yen-funded positions are cut in Asian hours, shaped like 5 August 2024",
        mechanism="yen_carry",
        stress=(-2, 1),
        days=_YEN_DAYS,
    ),
    "dash_for_cash": Scenario(
        description="everything is sold for dollars, gold and Treasuries too, shaped like "
        "12 and 18 March 2020",
        mechanism="dash_for_cash",
        stress=(-1, 1),
        days=_DASH_DAYS,
    ),
    "fundamental_outflow": Scenario(
        description="three weeks of redemptions, a slow fall, a falling basis and no rebound",
        mechanism="fundamental_outflow",
        stress=(0, 14),
        days=dict.fromkeys(range(15), _OUTFLOW_DAY),
    ),
    "one_stock_shock": Scenario(
        description="MSTR alone falls by 30 %; nothing else differs from calm",
        mechanism="ordinary",
        stress=(0, 0),
        days={0: Day(returns={"MSTR": -30.0}, noise=0.0)},
    ),
    "volatility_only": Scenario(
        description="every volatility triples for thirty sessions; correlations and drift stay",
        mechanism="ordinary",
        stress=(0, 29),
        volatility=3.0,
    ),
}


SCENARIOS: dict[str, str] = {name: plan.description for name, plan in PLANS.items()}
