"""The work of a process in the pickling tests; it imports little, because each pool starts a new process."""

import threading
from contextlib import ExitStack

from singletable import plan
from singletable.engine import embedded
from tests.framework.app import Account, AppTable, event


def fail():
    """Raise the error of an entity's own class, with a field that cannot be sent to another process."""
    error = Account.DoesNotExist("No Account.", entity="Account")
    error.held = threading.Lock()
    raise error


_block = ExitStack()


def start():
    """Create the table in this process, and keep it until the process ends."""
    _block.enter_context(embedded(AppTable))


def send_here(request):
    """Send a request to this process's table."""
    Account(account_id="a1", email="here").create()
    return request.one().email


def change_here(write):
    """Send a planned write to this process's table, and return the item after it."""
    plan.create(event(1)).send()
    write.send()
    return write.params(), event(1).get(account_id="a1", seq=1).note
