"""Instances and stored items: codecs, derived keys, conversion to and from dicts."""
