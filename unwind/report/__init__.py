"""The desk report, the reading commands' text and the charts."""
