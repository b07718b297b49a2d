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
- `features.selling`: how far unlike classes, or the sleeves of a crowded book, fall together
- `features.turbulence`: turbulence, absorption ratio, eigenvalues against noise
- `features.connectedness`: forecast-error variance that comes from the others
- `features.spot`: a coin's price at a stated instant, and how far two sources are apart
- `features.futures`: futures laid out by expiry, and their premiums over spot
- `features.basis`: the annualised basis with the error of clock and source
- `features.open_interest`: open interest in coins; UNWIND, CRUSH, REBUILD, FADE
- `features.positioning`: funding of perpetuals, reported net shorts
- `features.crowding`: long-short sleeves as one multi-strategy book
- `features.options`: prices, greeks and implied volatility of European options, by QuantLib
- `features.option_chains`: junk quotes out, one volatility a strike, skew, put share
- `features.gamma_exposure`: dealers' gamma over spot, as a band over conventions
- `features.implied_volatility`: implied against forecast volatility, and along its term
- `features.barriers`: hitting probability, distance and notional density of barriers
- `features.knock_in`: value and greeks of the put inside a note, by QuantLib
- `features.rebound`: what the losers regain on the session after
- `features.etf_flows`: creations of funds: scale, design of the expectation, conflict of vendors
- `features.organic_demand`: flow that neither open interest nor basis explains
- `features.volume`: volume against weekday and persistence; options traded
- `features.session_split`: where on the clock a day's move was made
- `features.yen`: the yen beside risk assets
"""
