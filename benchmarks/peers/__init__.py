"""Peers: small programs that do the same work, each in a process of its own and in its library's own idiom."""
