"""The shop at work: what it does when something changes in its table."""
