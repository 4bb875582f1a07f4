"""Data sets: sources, cache, integrity, splits, and the seal on the test split."""
