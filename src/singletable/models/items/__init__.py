"""Instances and stored items: codecs, derived keys, dictionaries."""
