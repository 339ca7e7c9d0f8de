"""Networks that are no encoder with a decoder, one a file."""
