"""Training: the loop, its checkpoints and the files of a trained model."""
