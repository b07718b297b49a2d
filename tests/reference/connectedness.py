"""Diebold and Yilmaz (2012), table 2: four lags, ten sessions ahead; percent of variance."""

ASSETS = ("SP500", "R_10Y", "DJUBSCOM", "USDX")
SHARES = (
    (88.76, 7.29, 0.35, 3.61),
    (10.21, 81.45, 2.73, 5.61),
    (0.47, 3.70, 93.69, 2.14),
    (5.69, 7.03, 1.55, 85.73),
)
TO_OTHERS = (16.37, 18.01, 4.62, 11.36)
FROM_OTHERS = (11.24, 18.55, 6.31, 14.27)
NET = (5.13, -0.54, -1.69, -2.90)
TOTAL = 12.59
