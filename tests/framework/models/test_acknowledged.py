"""An acknowledged write is one write: lost answers, rivals between attempts, and versions, with the SDK's retries."""

import json

import pytest
from pynamodb.attributes import NumberAttribute, UnicodeAttribute, VersionAttribute

from singletable import Key, Table, UpdatedAtAttribute, WriteTokenAttribute, plan
from singletable.engine import embedded
from singletable.errors import (
    AccessDeniedError,
    AlreadyExistsError,
    BatchIncompleteError,
    ConcurrentUpdateError,
    ConditionFailed,
    DeclarationError,
    EndpointUnreachableError,
    NoResponseError,
    RequestFailedError,
    SingletableError,
    ThrottledError,
    TransactionCancelled,
    UnexpectedAttributesError,
)
from tests.framework.ledger import LedgerTable, State, Task, task
from tests.framework.requests.wire_faults import LOST, REFUSALS, UNSENT, answer_of, wire_faults


class LockTable(Table):
    class Meta:
        table_name = "locks"


class Plain(LockTable, discriminator="PLAIN"):
    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    total = NumberAttribute(default_for_new=0)
    key = Key(pk="P#{name}", sk="P")


class Versioned(LockTable, discriminator="VERSIONED"):
    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    total = NumberAttribute(default_for_new=0)
    version = VersionAttribute()
    key = Key(pk="V#{name}", sk="V")


class Stamped(LockTable, discriminator="STAMPED"):
    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    total = NumberAttribute(default_for_new=0)
    updated_at = UpdatedAtAttribute()
    key = Key(pk="S#{name}", sk="S")


class Tokened(LockTable, discriminator="TOKENED"):
    class Meta:
        write_token = "writeToken"

    name = UnicodeAttribute()
    state = UnicodeAttribute(null=True)
    total = NumberAttribute(default_for_new=0)
    key = Key(pk="T#{name}", sk="T")


KINDS = (Plain, Versioned, Stamped, Tokened)
MARKED = (Stamped, Tokened)
LOST_FAULTS = (*LOST, "lost: 500", "lost: truncated", "lost: checksum")
KNOWN_REFUSALS = ("throttled", "expired", "skewed", "invalid", "no connection", "bad certificate")


@pytest.fixture(scope="module")
def table():
    with embedded(LockTable) as bound:
        yield bound


@pytest.fixture(params=["botocore", "direct"])
def transport(request):
    """The path of the requests."""
    return request.param


@pytest.fixture
def wire(table, monkeypatch, transport):
    with wire_faults(table, monkeypatch, transport) as faults:
        yield faults
    for each in LockTable.scan():
        each.delete()


def made(kind, **values):
    """Return a stored entity, as a new reader reads it."""
    kind(name="1", **values).create()
    return kind.get(name="1")


def increment(each):
    each.total += 1


WRITES = {
    "create": lambda kind, entity: kind(name="2").create(),
    "save": lambda kind, entity: entity.save(),
    "save(condition)": lambda kind, entity: entity.save(kind.total == 0),
    "update": lambda kind, entity: entity.update(state="x"),
    "update(condition)": lambda kind, entity: entity.update(state="x", condition=kind.total == 0),
    "update(actions)": lambda kind, entity: entity.update(actions=[kind.total.set(kind.total + 1)]),
    "delete": lambda kind, entity: entity.delete(),
    "delete(condition)": lambda kind, entity: entity.delete(kind.total == 0),
    "mutate": lambda kind, entity: entity.mutate(increment),
    "move": lambda kind, entity: entity.move(name="3"),
    "transaction": lambda kind, entity: send_transaction(kind, entity),
    "batch": lambda kind, entity: send_batch(entity),
}


def send_transaction(kind, entity):
    with LockTable.transaction() as transaction:
        transaction.update(entity, actions=[kind.total.set(kind.total + 1)])
        transaction.create(kind(name="2"))


def send_batch(entity):
    with LockTable.batch() as batch:
        batch.put(entity)


def outcome(write):
    """Return the error of a write, or None if it was acknowledged."""
    try:
        write()
    except SingletableError as error:
        return error
    return None


# --- the answer is lost ---------------------------------------------------------------


@pytest.mark.parametrize("fault", LOST_FAULTS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("more", [[], ["conflict"]])
def test_mutate_applies_its_function_once(wire, kind, fault, more):
    """After a lost answer and conflicts of its retries, `mutate()` is acknowledged once or uncertain."""
    entity = made(kind)
    wire.script = [fault, *more]
    error = outcome(lambda: entity.mutate(increment))
    assert 1 == kind.get(name="1").total
    assert (kind in MARKED) == (error is None)
    assert error is None or error.uncertain


@pytest.mark.parametrize("after", [*KNOWN_REFUSALS, "500", "reset", "conflict"])
@pytest.mark.parametrize("name", [name for name in WRITES if name not in ("save", "batch")])
@pytest.mark.parametrize("kind", [Plain, Versioned])
def test_an_error_does_not_hide_an_applied_write(wire, kind, name, after):
    """A write is uncertain if its first attempt was applied, its answer lost, and every retry failed."""
    entity = made(kind)
    wire.script = ["lost: 500", *[after] * 40]
    error = outcome(lambda: WRITES[name](kind, entity))
    wire.script = []
    if (kind, name) == (Versioned, "create"):
        # The random first version identifies the write.
        assert error is None
        return
    assert error is not None
    assert error.uncertain
    assert "may have been applied" in str(error)
    assert "nothing was written" not in str(error)


def test_a_lost_answer_before_the_item_was_deleted_is_told(wire):
    """`DoesNotExist` after a lost answer is uncertain."""
    entity = made(Plain)
    wire.script = ["lost: 500"]
    asked = iter(range(9))
    wire.before = lambda operation: next(asked) == 1 and gone(wire)
    error = outcome(lambda: entity.update(state="x"))
    assert isinstance(error, Plain.DoesNotExist)
    assert error.uncertain


def gone(wire):
    wire.before = None
    Plain(name="1").delete()


@pytest.mark.parametrize("fault", LOST_FAULTS)
@pytest.mark.parametrize("name", ["update(actions)", "update(condition)", "save(condition)", "create", "mutate"])
@pytest.mark.parametrize("kind", MARKED)
def test_a_marked_write_is_recognized(wire, kind, name, fault):
    """A write with a time of writing or a write token is acknowledged after a lost answer, and applied once."""
    entity = made(kind)
    wire.script = [fault]
    WRITES[name](kind, entity)
    assert (1 if name in ("update(actions)", "mutate") else 0) == kind.get(name="1").total


@pytest.mark.parametrize("kind", MARKED)
def test_a_mark_is_looked_for_even_if_no_attempt_is_answered(wire, kind):
    """The stored item decides if the answers to all attempts are lost."""
    entity = made(kind)
    wire.script = ["lost: 500"] * 4
    entity.mutate(increment)
    assert (1, 1) == (entity.total, kind.get(name="1").total)


def test_a_look_that_fails_leaves_the_write_uncertain(wire, monkeypatch):
    """If the read after a lost answer fails, the error is that of the write."""
    entity = made(Tokened)
    wire.script = ["lost: 500"]
    monkeypatch.setattr(
        "singletable.models.writing.writes.stored_item", lambda *_: (_ for _ in ()).throw(ThrottledError("t"))
    )
    error = outcome(lambda: entity.update(state="x", condition=Tokened.total == 0))
    assert (RequestFailedError, True) == (type(error), error.uncertain)


def test_a_batch_tells_that_what_it_left_may_be_written(wire):
    """A batch that was applied, lost its answer and was throttled to the end is uncertain."""
    entity = made(Plain)
    wire.script = ["lost: 500", *["throttled"] * 60]
    error = outcome(lambda: send_batch(entity))
    wire.script = []
    assert (BatchIncompleteError, True) == (type(error), error.uncertain)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("fault", ["lost: truncated", "lost: checksum"])
def test_a_damaged_answer_is_no_acknowledgement(wire, name, fault):
    """A write whose answer has status 200 and a damaged body is not acknowledged."""
    entity = made(Plain)
    wire.script = [fault] * 4
    error = outcome(lambda: WRITES[name](Plain, entity))
    assert (NoResponseError, True) == (type(error.__cause__ if name == "batch" else error), error.uncertain)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("fault", ["204", "an error with 200", "a list"])
def test_an_answer_that_dynamodb_does_not_send_is_no_acknowledgement(wire, name, fault):
    """A proxy's answer that botocore treats as success, without a write, is not an acknowledgement."""
    entity = made(Plain)
    wire.script = [fault] * 4
    error = outcome(lambda: WRITES[name](Plain, entity))
    assert (NoResponseError, True) == (type(error.__cause__ if name == "batch" else error), error.uncertain)


def test_a_damaged_answer_to_a_read_is_no_missing_item(wire, monkeypatch):
    """A truncated answer to a read is an error, and not a missing item."""
    made(Plain)
    monkeypatch.setattr(wire, "_engine", cut_off(wire._engine))
    with pytest.raises(NoResponseError, match="No answer to GetItem .* Try again") as caught:
        Plain.get(name="1")
    assert not caught.value.uncertain


def cut_off(engine):
    def answer(event_name, request):
        response = engine(event_name, request)
        response._content = response.content[:-2]
        return response

    return answer


@pytest.mark.parametrize("kind", MARKED)
@pytest.mark.parametrize("verb", ["update", "save"])
def test_a_plan_that_is_sent_twice_is_not_acknowledged_by_its_first_mark(wire, kind, verb):
    """The stored item bears the plan's mark from the first send; the second one is not applied."""
    entity = made(kind)
    entity.total = 1
    write = (
        plan.save(entity, kind.total < 9)
        if verb == "save"
        else plan.update(entity, actions=[kind.total.set(kind.total + 1)])
    )
    write.send()
    wire.script = ["500"]
    error = outcome(write.send)
    assert (RequestFailedError, True, 1) == (type(error), error.uncertain, kind.get(name="1").total)


# --- it was never applied -------------------------------------------------------------


@pytest.mark.parametrize("fault", KNOWN_REFUSALS)
@pytest.mark.parametrize("name", WRITES)
def test_a_write_that_was_refused_is_not_uncertain(wire, name, fault):
    """Throttled, denied, invalid and unconnected writes are not applied, and their errors are not uncertain."""
    entity = made(Plain)
    wire.script = [fault] * 60
    error = outcome(lambda: WRITES[name](Plain, entity))
    wire.script = []
    assert (False, ["Plain(name='1')"]) == (error.uncertain, [repr(each) for each in LockTable.scan()])
    expected = {
        "throttled": ThrottledError,
        "expired": AccessDeniedError,
        "skewed": AccessDeniedError,
        "invalid": RequestFailedError,
        "no connection": EndpointUnreachableError,
        "bad certificate": EndpointUnreachableError,
    }[fault]
    assert name == "batch" or isinstance(error, expected)


@pytest.mark.parametrize("name", WRITES)
@pytest.mark.parametrize("fault", ["throttled", "no connection"])
def test_a_write_that_was_refused_once_is_repeated(wire, name, fault):
    """Every kind of write is repeated and acknowledged after one refusal."""
    entity = made(Plain)
    wire.script = [fault]
    WRITES[name](Plain, entity)
    assert fault == wire.asked[-2][1] or fault in [each for _, each in wire.asked]


def test_every_fault_of_the_wire_is_tried():
    """The lists in this module name every refusal and every fault before sending."""
    assert {*REFUSALS, *UNSENT} == {*KNOWN_REFUSALS, "conflict", "in progress", "500", "503", "reset"}


@pytest.mark.parametrize("fault", ["in progress", "500", "503", "reset"])
def test_a_transaction_that_may_be_under_way_is_uncertain(wire, fault):
    """A transaction is uncertain if DynamoDB reports that an attempt with its token is in progress."""
    entity = made(Plain)
    wire.script = [fault] * 4
    error = outcome(lambda: send_transaction(Plain, entity))
    assert error.uncertain


# --- two writers with the same claim ----------------------------------------------------------------

CLAIMS = {
    "create": lambda kind, entity: kind(name="2").create(),
    "update(condition)": lambda kind, entity: entity.update(state="CLAIMED", condition=kind.state == "OPEN"),
    "save(condition)": lambda kind, entity: save_claimed(kind, entity),
    "delete(condition)": lambda kind, entity: entity.delete(kind.state == "OPEN"),
    "mutate": lambda kind, entity: entity.mutate(claim),
}


class Taken(Exception):
    """An error that the function of a mutation raises to refuse the change."""


def claim(each):
    if each.state != "OPEN":
        raise Taken
    each.state = "CLAIMED"


def save_claimed(kind, entity):
    entity.state = "CLAIMED"
    entity.save(kind.state == "OPEN")


@pytest.mark.parametrize("fault", ["throttled", "no connection", "500", "503", "reset"])
@pytest.mark.parametrize("name", CLAIMS)
@pytest.mark.parametrize("kind", KINDS)
def test_one_claim_has_one_winner(wire, kind, name, fault):
    """If a rival makes the same claim after a refused first attempt, only the rival is acknowledged."""
    first, second = made(kind, state="OPEN"), kind.get(name="1")
    rivals = []

    def before(operation):
        if operation != "GetItem" and not rivals:
            rivals.append("at work")
            CLAIMS[name](kind, second)
            rivals.append("acknowledged")

    wire.script, wire.before = [fault], before
    try:
        error = outcome(lambda: CLAIMS[name](kind, first))
    except Taken as taken:
        error = taken
    if rivals:
        assert (["at work", "acknowledged"], False) == (rivals, error is None)
    assert (fault in ("500", "503", "reset")) == getattr(error, "uncertain", False)


@pytest.mark.parametrize("name", ["update", "save", "delete"])
@pytest.mark.parametrize("fault", ["throttled", "500", "reset"])
def test_one_version_has_one_winner(wire, name, fault):
    """Of two writers that read one version and write the same values, one is acknowledged."""
    first, second = made(Versioned), Versioned.get(name="1")
    rivals = []

    def before(operation):
        if operation != "GetItem" and not rivals:
            rivals.append("at work")
            WRITES[name](Versioned, second)
            rivals.append("acknowledged")

    wire.script, wire.before = [fault], before
    error = outcome(lambda: WRITES[name](Versioned, first))
    assert (["at work", "acknowledged"], ConcurrentUpdateError) == (rivals, type(error))
    assert (fault != "throttled") == error.uncertain


# --- versions -------------------------------------------------------------------------


@pytest.mark.parametrize("again", ["create", "save", "transaction", "put_all"])
@pytest.mark.parametrize("name", ["update", "save", "delete"])
def test_a_version_does_not_come_back(wire, name, again):
    """A stale instance cannot write to an item that was deleted and created again, by any path."""
    stale = made(Versioned)
    Versioned.get(name="1").delete()
    new = Versioned(name="1", state="new")
    if again == "transaction":
        with LockTable.transaction() as transaction:
            transaction.put(new)
    elif again == "put_all":
        list(LockTable.put_all([new]))
    else:
        getattr(new, again)()
    with pytest.raises(ConcurrentUpdateError):
        WRITES[name](Versioned, stale)
    assert "new" == Versioned.get(name="1").state


def test_a_first_version_of_one_is_an_option():
    """With `Meta.first_version = 1`, versions start at 1 as in PynamoDB."""

    class OldTable(Table):
        class Meta:
            table_name = "old"
            first_version = 1

    class Doc(OldTable, discriminator="DOC"):
        name = UnicodeAttribute()
        version = VersionAttribute()
        key = Key(pk="D#{name}", sk="D")

    assert ({"N": "1"}, {}) == (plan.create(Doc(name="1")).item["version"], plan.create(Doc(name="1")).mark)
    with pytest.raises(DeclarationError, match=r'Meta.first_version is 2. Use "random", or 1 as in PynamoDB'):

        class Bad(OldTable, discriminator="BAD"):
            class Meta:
                first_version = 2

            name = UnicodeAttribute()
            key = Key(pk="B#{name}", sk="B")


# --- the write token ------------------------------------------------------------------


def test_every_write_sets_a_new_token(wire):
    """Every path sets a new write token, which the instance and the stored item share."""
    entity = made(Tokened)
    seen = {entity.write_token}
    for name in ("save", "update", "update(actions)", "mutate", "batch", "move"):
        WRITES[name](Tokened, entity)
        stored = Tokened.get(name=entity.name).write_token
        assert stored == Tokened.get(name=entity.name)._raw["writeToken"]["S"]
        assert name == "batch" or stored == entity.write_token
        assert stored not in seen
        seen.add(stored)


def test_a_token_is_not_the_callers_to_set():
    """A write token is refused as a value, in an action and in the function of a mutation."""
    for values in ({"write_token": "x"}, {"actions": [Tokened.write_token.set("x")]}):
        with pytest.raises(UnexpectedAttributesError, match="is the write token, which every write sets by itself"):
            plan.update(Tokened(name="1"), **values)


def test_a_token_is_declared_once():
    """Entities inherit the table's write token, and an attribute of their own replaces it."""

    class AllTable(Table):
        class Meta:
            table_name = "all"
            write_token = "wt"

    class Base(AllTable, discriminator="BASE"):
        name = UnicodeAttribute()
        key = Key(pk="B#{name}", sk="B")

    class Special(Base, discriminator="SPECIAL"):
        pass

    class Own(AllTable, discriminator="OWN"):
        name = UnicodeAttribute()
        stamp = WriteTokenAttribute(attr_name="own")
        key = Key(pk="O#{name}", sk="O")

    assert ["wt", "wt", "own"] == [next(iter(plan.create(each(name="1")).mark)) for each in (Base, Special, Own)]
    for named, message in ((5, "Meta.write_token is 5"), ("", "Meta.write_token is ''")):
        with pytest.raises(DeclarationError, match=message):

            class Bad(AllTable, discriminator="BAD"):
                class Meta:
                    write_token = named

                name = UnicodeAttribute()
                key = Key(pk="X#{name}", sk="X")

    with pytest.raises(
        DeclarationError, match="named 'write_token', which is the name of the attribute that Meta.write_token decl"
    ):

        class Taken(AllTable, discriminator="TAKEN"):
            write_token = UnicodeAttribute()
            key = Key(pk="Y#{write_token}", sk="Y")


def test_an_equal_item_proves_nothing():
    """A write without a mark is not acknowledged after a lost answer, even if an equal item is stored."""
    for write in (plan.create(Plain(name="1")), plan.save(Plain(name="1")), plan.update(Plain(name="1"), state="x")):
        left = getattr(write, "item", None) or {**Plain(name="1").serialize(), **write.change.after}
        assert not write.was_applied(left)


@pytest.mark.parametrize("kind", KINDS)
def test_an_existing_item_is_said_to_exist_without_doubt(wire, kind):
    """`AlreadyExistsError` is not uncertain if no answer was lost."""
    made(kind)
    with pytest.raises(AlreadyExistsError, match="nothing was written") as caught:
        kind(name="1").create()
    assert not caught.value.uncertain
    with pytest.raises(ConditionFailed, match="nothing was written") as caught:
        kind.get(name="1").update(state="x", condition=kind.total == 5)
    assert not caught.value.uncertain


def test_a_cancellation_by_conflicts_does_not_speak_for_a_lost_attempt(wire, monkeypatch):
    """After a lost answer, a cancellation by conflicts is uncertain; one by a failed condition is not."""
    entity = made(Plain)
    conflict = {"CancellationReasons": [{"Code": "TransactionConflict"}, {"Code": "None"}]}
    wire.script = ["lost: 500", *[("TransactionCanceledException", conflict)] * 20]
    error = outcome(lambda: send_transaction(Plain, entity))
    wire.script = []
    assert (TransactionCancelled, True) == (type(error), error.uncertain)
    assert "nothing was written" not in str(error)
    failed = {"CancellationReasons": [{"Code": "ConditionalCheckFailed"}, {"Code": "None"}]}
    wire.script = ["500", ("TransactionCanceledException", failed)]
    error = outcome(lambda: send_transaction(Plain, Plain.get(name="1")))
    assert (TransactionCancelled, False) == (type(error), error.uncertain)


def test_a_batch_leaves_out_what_an_answer_has_done(wire, monkeypatch):
    """Only the put that was left unprocessed and then refused counts as not done."""
    first, second = Plain(name="1"), Plain(name="2")
    engine = wire._engine

    def answer(event_name, request):
        body = json.loads(request.body)
        puts = body["RequestItems"]["locks"]
        request.body = json.dumps({"RequestItems": {"locks": puts[:1]}}).encode()
        engine(event_name, request)
        return answer_of(request, {"UnprocessedItems": {"locks": puts[1:]}})

    monkeypatch.setattr(wire, "_engine", answer)
    wire.script = [None, "expired"]
    with pytest.raises(BatchIncompleteError) as caught, LockTable.batch() as batch:
        batch.put(first, second)
    monkeypatch.undo()
    assert (False, (second,)) == (caught.value.uncertain, caught.value.unprocessed)
    assert ["Plain(name='1')"] == [repr(each) for each in LockTable.scan()]


def test_a_refusal_that_is_cut_off_is_an_error_of_ours(wire, monkeypatch):
    """A truncated refusal, also within a character, is a SingletableError that does not quote the body."""
    made(Plain, state="é" * 20)
    engine = wire._engine
    monkeypatch.setattr(wire, "_engine", lambda *asked: cut(engine(*asked), b"\xc3"))
    with pytest.raises(RequestFailedError) as caught:
        Plain(name="1").create()
    assert (False, False) == (caught.value.uncertain, "state" in str(caught.value))


def cut(response, within):
    """Return an answer that ends within a character."""
    if response.status_code == 400:
        content = json.dumps(json.loads(response.content), ensure_ascii=False).encode()
        response._content = content[: content.index(within) + 1]
    return response


@pytest.mark.parametrize(("fault", "uncertain"), [("reset", True), ("500", False)])
def test_a_transaction_that_may_still_arrive_is_uncertain(wire, fault, uncertain):
    """An attempt without an answer may be delivered after the one whose condition failed; one with a 500 has ended."""
    entity = made(Plain, total=5)
    wire.script = [fault]
    with pytest.raises(TransactionCancelled) as caught, LockTable.transaction() as transaction:
        transaction.update(entity, state="x", condition=Plain.total == 0)
    assert (uncertain, uncertain) == (caught.value.uncertain, "nothing was written" not in str(caught.value))


@pytest.mark.parametrize(("fault", "sent"), [("reset", 2), ("500", 3)])
def test_a_transaction_that_may_still_arrive_is_not_planned_anew(monkeypatch, fault, sent):
    """Its key would be derived again with the next token, and then both could be applied."""
    with embedded(LedgerTable), wire_faults(LedgerTable, monkeypatch) as wire:
        made = task(1, title="t")
        made.create()
        stale = Task.get(project="p", number=1)
        made.update(state=State.DOING)
        wire.script = [fault]
        transaction = LedgerTable.transaction()
        transaction.update(stale, title="x")
        error = outcome(transaction.send)
        assert (sent == 2) == (error is not None and error.uncertain)
        assert sent == len([operation for operation, _ in wire.asked if operation == "TransactWriteItems"])
