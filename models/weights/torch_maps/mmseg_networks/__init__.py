"""mmsegmentation's networks that are no encoder with a decoder, one a file with a `NETWORK`."""
