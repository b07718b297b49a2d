"""Constants that several packages share."""

# A normal sample's standard deviation over its median absolute deviation, 1/Φ⁻¹(¾) to five digits.
MAD_TO_SIGMA = 1.4826
SESSIONS_PER_YEAR = 252
DAYS_PER_YEAR = 365
