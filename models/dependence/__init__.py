"""Dependence between series: conditional correlation (DCC) and CoVaR."""

from models.dependence.covar import CoVaR, PairCoVaR, pair_covar
from models.dependence.dcc import DccFit, correlation_path, filter_dcc, fit_dcc

__all__ = [
    "CoVaR",
    "DccFit",
    "PairCoVaR",
    "correlation_path",
    "filter_dcc",
    "fit_dcc",
    "pair_covar",
]
