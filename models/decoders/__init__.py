"""Decoders: from an encoder's features to scores; one head a file."""
