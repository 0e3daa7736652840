"""Operating a table: its metrics from CloudWatch, and its costs."""
