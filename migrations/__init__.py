"""The shop's migrations; there are none yet."""
