"""Bindings of a table: its name, its connection, and the settings that replace them."""
