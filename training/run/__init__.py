"""A run: its loop, checkpoints, logs, interruptions and folder."""
