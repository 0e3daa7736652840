"""Streams: what changed in the table, as entities, given to handlers; each handler does its work once for each event.

::

    router = StreamRouter(ShopTable)

    @router.on(Order, "MODIFY", changed="status")
    def tell_the_user(change: Change[Order]) -> None:
        send_mail(f"Your order was {change.old.status.value}, and is {change.new.status.value} now.")

    handler = router.lambda_handler  # for AWS Lambda; `singletable streams run` reads a stream on this machine
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.streams.change import Change
    from singletable.streams.checkpoints import Checkpoints, FileCheckpoints
    from singletable.streams.deadletters import DeadLetter
    from singletable.streams.reader import Batch, StreamReader
    from singletable.streams.records import record_of
    from singletable.streams.router import Outcome, StreamRouter
    from singletable.streams.runner import Report, run_stream

__all__ = [
    "Batch",
    "Change",
    "Checkpoints",
    "DeadLetter",
    "FileCheckpoints",
    "Outcome",
    "Report",
    "StreamReader",
    "StreamRouter",
    "record_of",
    "run_stream",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "Batch": "reader",
        "Change": "change",
        "Checkpoints": "checkpoints",
        "DeadLetter": "deadletters",
        "FileCheckpoints": "checkpoints",
        "Outcome": "router",
        "Report": "runner",
        "StreamReader": "reader",
        "StreamRouter": "router",
        "record_of": "records",
        "run_stream": "runner",
    },
)
