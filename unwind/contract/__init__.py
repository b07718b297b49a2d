"""Input and output contracts: columns, tables, the source protocol."""
