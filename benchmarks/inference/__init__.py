"""`benchmark.py inference`: latency and throughput of models on runtimes, which take turns."""
