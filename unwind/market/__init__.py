"""The known market: screening, precedence, restatement, the bitemporal store."""
