"""`benchmark.py train`: images per second of training steps, and where their time goes."""
