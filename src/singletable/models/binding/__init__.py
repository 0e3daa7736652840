"""Where a table lives: its name, its connection, and the bindings that replace them."""
