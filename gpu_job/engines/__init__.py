"""Speech engines behind small protocols; the only place that loads a neural network."""
