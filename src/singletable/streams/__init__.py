"""Streams: the changes of a table, as entities, for handlers; each handler handles an event once.

::

    router = StreamRouter(ShopTable)

    @router.on(Order, "MODIFY", changed="status")
    def notify_the_user(change: Change[Order]) -> None:
        send_mail(f"Your order was {change.old.status.value}. It is {change.new.status.value} now.")

    handler = router.lambda_handler  # for AWS Lambda; `singletable streams run` reads a stream on this machine
"""

from typing import TYPE_CHECKING

from singletable.lazy import exports

if TYPE_CHECKING:
    from singletable.streams.change_event import Change
    from singletable.streams.checkpoints import Checkpoints, FileCheckpoints
    from singletable.streams.consumer import StreamReport, run_stream
    from singletable.streams.deadletters import DeadLetter
    from singletable.streams.outcome import Outcome
    from singletable.streams.reader import RecordBatch, StreamReader
    from singletable.streams.records import record_of
    from singletable.streams.router import StreamRouter

__all__ = [
    "Change",
    "Checkpoints",
    "DeadLetter",
    "FileCheckpoints",
    "Outcome",
    "RecordBatch",
    "StreamReader",
    "StreamReport",
    "StreamRouter",
    "record_of",
    "run_stream",
]

__getattr__, __dir__ = exports(
    __name__,
    {
        "RecordBatch": "reader",
        "Change": "change_event",
        "Checkpoints": "checkpoints",
        "DeadLetter": "deadletters",
        "FileCheckpoints": "checkpoints",
        "Outcome": "outcome",
        "StreamReport": "consumer",
        "StreamReader": "reader",
        "StreamRouter": "router",
        "record_of": "records",
        "run_stream": "consumer",
    },
)
