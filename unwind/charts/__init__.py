"""Pictures as SVG strings: the same input gives the same bytes, text stays text.

- `drawing`: panels, axes, lines, bands, labels; `palette`: colours by role; `svg`: the frame around
- `links`, `prices`, `regimes`, `record`: correlations; prices and volatility; score and state; the
  score over its history
- `mechanisms`, `basis`, `flows`, `spot`: the mechanisms; `mechanism_views`: the figures behind them
- `report_pictures`, `mechanism_pictures`, `captions`: pictures as the report sets them
- `one_page`: the day's charts as one page of markdown
"""
