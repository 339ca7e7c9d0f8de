"""`benchmark.py train`: pictures per second of training steps, and where their time goes."""
