"""The published tables: snapshots, publication, verification, retention, copies."""
