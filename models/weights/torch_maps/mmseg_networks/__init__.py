"""mmsegmentation's networks with many rules, one a file; a `NETWORK` is one without encoder and decoder."""
