"""`benchmark.py zoo`: all published weights, fetched, checked, scored and timed."""
