"""How many times as fast B is as A, with a confidence interval."""
