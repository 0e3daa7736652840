"""A process for a test to kill: it starts the fake server, perhaps forks, and prints the URL and the log's path."""

import os
import sys
import time

from singletable.engine import server
from tests.framework.engine.test_servers import fake

with server(fake()) as at:
    if sys.argv[1] == "fork" and os.fork() == 0:
        time.sleep(30)
        os._exit(0)
    print(at.endpoint_url, at.log, flush=True)
    time.sleep(30)
