"""What shows a training while it runs. It decides nothing, so the train stage does not depend on it."""
