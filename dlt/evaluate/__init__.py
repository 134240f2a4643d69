"""How good predictions are: metrics, baselines, and what people look at. Knows no torch."""
