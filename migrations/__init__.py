"""The shop's migrations: how its table came to be what its models say."""
