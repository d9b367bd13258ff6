"""Optimization: compiled methods, certificates from the candidate alone, duality, convexity."""
