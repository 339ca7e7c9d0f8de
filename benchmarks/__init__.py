"""Measuring: clock, environment, records, and one file per benchmark."""
