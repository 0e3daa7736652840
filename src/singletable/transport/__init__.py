"""Transport: one HTTP exchange with a server (signing, pools, time-outs), and the drivers of steps without I/O."""
