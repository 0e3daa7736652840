"""Operating a table: what it does, as CloudWatch tells, and what it costs."""
