"""Fits of GARCH and DCC that others printed; the returns lie beside the checkout."""

# GARCH(1,1), normal, DM/GBP 1984–1991 in percent (Bollerslev and Ghysels, 1996), start at the mean
# square: μ, ω, α, β, log-likelihood, and the errors of the Hessian (Fiorentini, Calzolari and
# Panattoni, 1996, table 2; McCullough and Renfro, 1999).
DM_GBP = (-0.00619040838, 0.0107613979, 0.153134062, 0.805973670, -1106.607881)
DM_GBP_ERRORS = (0.00846212, 0.00285271, 0.0265228, 0.0335527)
# R rugarch 1.4-9, normal, S&P 500 in percent: log-likelihood.
RUGARCH = {"garch": -7539.4786, "gjr": -7463.5991}
# R rmgarch 1.3-9, AA, AXP and BA in percent: a, b, log-likelihood of both stages.
RMGARCH_A, RMGARCH_B, RMGARCH_LOG_LIKELIHOOD = 0.010491, 0.984875, -33252.8893
# The same of JPM and XOM, where the persistence of JPM is at its limit: rugarch's log-likelihood of
# JPM, then a, b and the log-likelihood of both stages.
RUGARCH_JPM = -11682.84
RMGARCH_INTEGRATED = (0.013257, 0.980857, -21031.4159)
