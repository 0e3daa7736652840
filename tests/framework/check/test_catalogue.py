"""The catalog of rules against the source: each raised id is listed, and each listed id is raised."""

import ast
import re
from pathlib import Path

import pytest
from pynamodb.attributes import NumberAttribute, TTLAttribute, UnicodeAttribute, VersionAttribute

import singletable
from singletable import Expiry, Key, observe
from singletable.check import RULES, check, check_description, declaration_finding
from singletable.errors import DeclarationError
from singletable.models.schema.table_schema import table_schema
from singletable.streams import StreamRouter
from tests.framework.app import AppTable
from tests.framework.check.test_rules import GSI1, GSI2, entity, new_table, pattern

SOURCE = Path(singletable.__file__).parent
ID = re.compile(r"ST\d{3}")
RESERVED: set[str] = set()
"""Rules whose refusals are not written yet; an id leaves this set with its refusal, and then needs an example."""


def trees():
    """Return every module except the catalog itself."""
    for path in sorted(SOURCE.rglob("*.py")):
        if path != SOURCE / "check" / "rules.py":
            yield path, ast.parse(path.read_text(encoding="utf-8"))


def ids_in(tree):
    """Return the ids in a module, except those that are only listed together, which raises no error."""
    listed = set()
    for node in ast.walk(tree):
        if isinstance(node, (ast.Tuple, ast.Set)) and all(is_id(each) for each in node.elts):
            listed |= set(map(id, node.elts))
    return {node.value for node in ast.walk(tree) if is_id(node) and id(node) not in listed}


def is_id(node):
    return isinstance(node, ast.Constant) and isinstance(node.value, str) and ID.fullmatch(node.value) is not None


def test_every_id_in_the_source_is_in_the_catalogue_and_the_other_way_round():
    """A rule that is never raised is a false promise, and an id without a rule could not be looked up."""
    raised = {each for _, tree in trees() for each in ids_in(tree)}
    assert set() == raised - set(RULES)
    assert RESERVED >= set(RULES) - raised


def test_every_declaration_error_has_a_rule():
    """A call without a rule would be reported as ST100, even if the catalog has a specific rule."""
    without = [
        f"{path.relative_to(SOURCE)}:{node.lineno}"
        for path, tree in trees()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "DeclarationError"
        # `**parts` passes the fields of another error on.
        if not any(keyword.arg in ("rule", None) for keyword in node.keywords)
    ]
    assert [] == without


def test_every_rule_of_the_first_hundred_is_declared():
    """No other rule is."""
    assert {each for each in RULES if each < "ST200"} == {rule.id for rule in RULES.values() if rule.declared}


def made(key=None, table=None, meta=None, **body):
    """Make an entity."""
    if meta:
        body["Meta"] = type("Meta", (), meta)
    return entity(table or new_table(), "One", key or Key(pk="X#{ident}", sk="X"), **body)


def found(table, *patterns, accept=None):
    return check_description(table.describe(), patterns, accept)


def asked(build, *, parameters=("ident",), permanent=False, **body):
    """Findings about one pattern of one entity; `build` makes the request of the entity."""
    table = new_table()
    one = made(table=table, **body)
    scope = {"build": build, "one": one}
    exec(f"def ask({', '.join(parameters)}):\n    return build(one, {', '.join(parameters)})", scope)
    return found(table, pattern(scope["ask"], one, permanent=permanent))


def second_time_to_live():
    table = new_table()
    made(table=table, gone=Expiry(after="at"))
    entity(table, "Two", Key(pk="Y#{ident}", sk="X"), gone=Expiry(after="at", attr_name="expires"))


def foreign_rows():
    table = new_table()
    one = made(Key(pk="X#{ident}", sk="X#{at}"), table)
    entity(table, "Two", Key(pk="X#{ident}", sk="X#Y#{at}"))

    def ones(ident):
        return one.query(ident=ident)

    return found(table, pattern(ones, one))


def colliding():
    table = new_table()
    made(table=table)
    entity(table, "Two", Key(pk="X#{ident}", sk="X"))
    return found(table)


def of(made_entity):
    return found(table_schema(made_entity).table)


EXAMPLES = {
    "ST100": lambda: made(one=VersionAttribute(), other=VersionAttribute()),
    "ST101": lambda: made(Key(pk="X#{idnt}", sk="X")),
    "ST102": lambda: made(ident=UnicodeAttribute(null=True)),
    "ST103": lambda: made(Key(pk="X#{ident}{ident}", sk="X")),
    "ST104": lambda: made(Key(pk="X#{ident}", sk="{n}"), n=NumberAttribute()),
    "ST105": lambda: made(Key(pk="X#{ident", sk="X")),
    "ST106": lambda: made(Key(pk="X#{ident}")),
    "ST107": lambda: new_table(table_name="a b"),
    "ST108": lambda: type(AppTable)("Untold", (new_table(),), {"key": Key(pk="X", sk="X")}),
    "ST109": lambda: made(gone=Expiry(after="nothing")),
    "ST110": lambda: made(other=UnicodeAttribute(attr_name="ident")),
    "ST111": lambda: made(Key(pk="X#{at:%Y-%m}", sk="X")),
    "ST112": lambda: made(
        state=UnicodeAttribute(null=True, default="NEW"), by_it=Key(index=GSI1, pk="S#{state}", sk="X")
    ),
    "ST113": lambda: made(__annotations__={"total": int}),
    "ST114": lambda: made(__init__=lambda self, ident: None),
    "ST115": lambda: made(meta={"personal": ("emial",)}),
    "ST116": lambda: made(meta={"first_version": 7}),
    "ST117": lambda: new_table().query(),
    "ST118": lambda: StreamRouter(AppTable).on(AppTable, "CHANGE"),
    "ST119": lambda: observe(AppTable, "nothing"),
    "ST120": second_time_to_live,
    "ST121": lambda: made(other=UnicodeAttribute(attr_name="a[0]")),
    "ST201": colliding,
    "ST202": foreign_rows,
    "ST203": lambda: of(made(by_it=Key(index=GSI1, pk="ALL", sk="{at}"))),
    "ST301": lambda: asked(lambda one, ident: one.query(ident=ident)),
    "ST302": lambda: asked(lambda one, ident: one.query()),
    "ST303": lambda: asked(
        lambda one, ident: one.by_it.query(ident=ident, filter=one.size > 3),
        size=NumberAttribute(),
        by_it=Key(index=GSI2, pk="I#{ident}", sk="X"),
    ),
    "ST304": lambda: asked(lambda one, ident: one.query(ident=ident), permanent=True, gone=Expiry(after="at", days=1)),
    "ST305": lambda: asked(lambda one, ident: one.item()),
    "ST306": lambda: found(table_schema(made()).table, accept={("ST201", "One, Two"): "not there"}),
    "ST307": lambda: asked(lambda one, ident: one.query(ident="always")),
    "ST308": lambda: check(table_schema(made()).table),
}


def provoked(example):
    """Return the ids that an example is reported with."""
    try:
        return {each.rule.id for each in example()}
    except DeclarationError as error:
        finding = declaration_finding(error)
        assert finding.remedy, "each refusal says what to do"
        return {error.rule} & {finding.rule.id}


def test_every_rule_has_an_example():
    """In the tables below."""
    assert set(RULES) - RESERVED <= set(EXAMPLES)


@pytest.mark.parametrize("rule", EXAMPLES)
def test_an_example_is_reported_under_its_rule(rule):
    """By the error that refuses it, or among the findings."""
    assert rule in provoked(EXAMPLES[rule])


FITTING = {
    "two expiries": ("ST120", lambda: made(a=Expiry(after="at"), b=Expiry(after="at"))),
    "expiry under a taken name": ("ST110", lambda: made(gone=Expiry(after="at", attr_name="ident"))),
    "when= of an attribute that has no key text": (
        "ST109",
        lambda: made(v=VersionAttribute(), by_it=Key(index=GSI1, pk="A", sk="A", when={"v": 1})),
    ),
    "when= of an unknown attribute": ("ST101", lambda: made(by_it=Key(index=GSI1, pk="A", sk="A", when={"v": 1}))),
    "personal as a text": ("ST116", lambda: made(meta={"personal": "ident"})),
    "key encoding": ("ST116", lambda: new_table(key_encoding="none")),
    "stream view": ("ST116", lambda: new_table(stream_view_type="NEW")),
    "write token": ("ST116", lambda: made(meta={"write_token": 5})),
    "abstract base with a discriminator": (
        "ST117",
        lambda: type(AppTable)("Base", (new_table(),), {}, discriminator="BASE", abstract=True),
    ),
    "scan of a table without entities": ("ST117", lambda: new_table().scan()),
    "hash key of an entity": ("ST107", lambda: made(own=UnicodeAttribute(hash_key=True))),
    "router that forgets at once": ("ST118", lambda: StreamRouter(AppTable, remember_days=0)),
    "handler that needs a wrong image": (
        "ST118",
        lambda: StreamRouter(AppTable).on(AppTable, "INSERT", needs={"newest"}),
    ),
    "half a surrogate pair": ("ST121", lambda: made(other=UnicodeAttribute(attr_name="\ud800"))),
    "item without its sort key": (
        "ST305",
        lambda: asked(lambda one, ident: one.item(ident=ident), key=Key(pk="X#{ident}", sk="{at}")),
    ),
}


@pytest.mark.parametrize("fault", FITTING)
def test_a_fault_is_reported_under_the_rule_that_describes_it(fault):
    """Each of these once had the id of a rule with another title."""
    rule, example = FITTING[fault]
    assert rule in provoked(example)


def test_an_error_with_an_unknown_rule_is_the_general_finding():
    """It is not reported as a fault of a table or an index."""
    assert "ST100" == declaration_finding(DeclarationError("Something.")).rule.id
    assert "ST100" == declaration_finding(DeclarationError("Something.", rule="ST999")).rule.id


def test_a_time_to_live_of_pynamodb_twice():
    """PynamoDB's own refusal is reported under the rule that describes it."""
    assert {"ST120"} == provoked(lambda: made(one=TTLAttribute(), other=TTLAttribute()))
