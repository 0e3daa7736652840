"""Declarations that a user writes: attributes, keys, expiries, times of writing."""
