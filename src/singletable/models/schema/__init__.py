"""The meaning of a table class and of its entities, as frozen values, and the checks when a class is made."""
