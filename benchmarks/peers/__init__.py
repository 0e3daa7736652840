"""Peers: small programs that do the same work, each in its own process and in the usual style of its library."""
