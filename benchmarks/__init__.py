"""Benchmarks: ratios from one run, on a local server with prepared answers; no test asserts a time."""
