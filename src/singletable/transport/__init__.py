"""Transport: one HTTP exchange with a server, in a thread or on an event loop: signing, pools, time-outs."""
