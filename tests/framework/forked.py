"""The work of a forked or spawned process in the tests: it reads the item of its key."""

import contextlib
import os

from pynamodb.attributes import UnicodeAttribute

from singletable import Key, Table
from tests.framework.canned import CREDENTIALS


class Preloaded(Table):
    class Meta:
        table_name = "preloaded"
        region = "us-east-1"


class Secret(Preloaded, discriminator="SECRET"):
    owner = UnicodeAttribute()
    text = UnicodeAttribute()
    key = Key(pk="SECRET#{owner}", sk="SECRET")


def answer(asked):
    """Return the item of the requested key."""
    key = asked.params["Key"]
    owner = key["PK"]["S"].partition("#")[2]
    stored = {"owner": {"S": owner}, "text": {"S": f"of {owner}"}, "entityType": {"S": "SECRET"}}
    return 200, {"Item": key | stored}


def ask(owner):
    """Return the secret of an owner, or an error as text."""
    try:
        return Secret.get(owner=owner).text
    except Exception as error:
        return f"{type(error).__name__}: {error}"


def ask_at(url, owner):
    """Return the secret of an owner, read in a process without its parent's bindings."""
    with Preloaded.bind(endpoint_url=url, credentials=CREDENTIALS):
        return ask(owner)


class Child:
    """A forked process that calls a function with arguments, and sends the returned text to its parent."""

    def __init__(self, function, *arguments):
        self._reading, writing = os.pipe()
        self._pid = os.fork()
        if self._pid:
            os.close(writing)
            return
        with contextlib.suppress(BaseException):
            os.write(writing, str(function(*arguments)).encode()[:4000])
        os._exit(0)

    def answer(self):
        """Return the text; it is empty if the child has died."""
        with os.fdopen(self._reading) as reading:
            text = reading.read()
        os.waitpid(self._pid, 0)
        return text
