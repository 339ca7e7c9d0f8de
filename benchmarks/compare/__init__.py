"""B over A: how many times as fast, and how sure that is."""
