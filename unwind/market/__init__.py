"""What is known: screening, precedence, restatement, the bitemporal store."""
