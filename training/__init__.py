"""From a run's configuration to trained weights: one topic a file."""
