"""Reads of entities: conditions, targets of requests, keys that are bound to an entity."""
