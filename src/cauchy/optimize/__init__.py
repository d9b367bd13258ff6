"""Optimization: methods compiled with the function inside, certificates from the candidate alone, duality, convexity."""
