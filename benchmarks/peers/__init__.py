"""`benchmark.py peers`: the same networks with the same weights, of PyTorch's packages and of this suite.

A package is a file: what has to be installed (`NEEDS`), which of our networks it has (`NETWORKS`), and two
functions that only a process with PyTorch calls, `build` and `logits`.
"""
