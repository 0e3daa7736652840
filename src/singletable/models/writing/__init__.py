"""Writes of entities: plans, updates, batches, transactions, collections."""
