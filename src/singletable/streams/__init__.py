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
    from singletable.streams.change_event import Change as Change
    from singletable.streams.checkpoints import Checkpoints as Checkpoints
    from singletable.streams.checkpoints import FileCheckpoints as FileCheckpoints
    from singletable.streams.consumer import StreamReport as StreamReport
    from singletable.streams.consumer import run_stream as run_stream
    from singletable.streams.deadletters import DeadLetter as DeadLetter
    from singletable.streams.outcome import Outcome as Outcome
    from singletable.streams.reader import RecordBatch as RecordBatch
    from singletable.streams.reader import StreamReader as StreamReader
    from singletable.streams.records import record_of as record_of
    from singletable.streams.router import StreamRouter as StreamRouter

exports(__name__)
