"""Training: models as pure functions, data, optimizers, checkpoints, many seeds at once."""
