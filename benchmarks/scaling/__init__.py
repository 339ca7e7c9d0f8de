"""`benchmark.py scaling`: training by one rank and by several, and where a step's time goes."""
