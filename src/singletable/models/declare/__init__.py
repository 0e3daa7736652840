"""Declarations that a user writes: attributes, keys, expiries, timestamps."""
