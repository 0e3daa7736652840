"""Frozen values that describe a table class and its entities, and the checks that run when a class is created."""
