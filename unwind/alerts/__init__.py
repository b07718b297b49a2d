"""Alerts: decision, message and log.

- `notices`: the net change between the last state sent and the published state
- `message`: verdict, drivers, caveats, mechanism, links
- `ledger`: the alert log, with the delivery status of each alert
"""
