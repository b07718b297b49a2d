"""Observations in, indicators out: pure numpy, pandas and numba.

No I/O, no clock, no settings, no Prefect.

- `features.panel`: the frame contract; alignment of 24/7 and exchange series to sessions
- `features.correlation`: rolling and exponentially weighted correlation
- `features.correlation_kernels`: its compiled loops
- `features.correlation_tests`: intervals for a correlation
- `features.dependent_correlations`: is one correlation larger than another that shares a series
- `features.comovement`: volatility-adjusted and partial correlation; joint falls of a normal
- `features.constancy`: has a correlation stayed constant, and where it broke
- `features.exceedance`: correlations beyond thresholds, against a null of the same correlation
- `features.asymmetry`: are falls more correlated than rises
- `features.jackknife`: what the correlation tests share: pseudo-values, long-run variance
- `features.returns`: returns in units of their own volatility forecast
- `features.regime_features`: log volatility and comovement, what a jump model sees
- `features.multiplicity`: family-wise control over many tests
- `features.shocks`: robust z-scores and records
- `features.turbulence`: turbulence, absorption ratio, eigenvalues against noise
- `features.connectedness`: forecast-error variance that comes from the others
- `features.crowding`: long-short sleeves as one multi-strategy book
"""
