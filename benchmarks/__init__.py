"""Benchmarks: ratios from one run, on a canned local server; nothing is asserted about time."""
