"""Durable writes, locks, locations and append-only Parquet logs."""
