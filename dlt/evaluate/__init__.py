"""How good predictions are: metrics, baselines, pictures, and the evaluate stage."""
