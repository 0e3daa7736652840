"""Bindings of every kind, begun and ended in any order, compared with a small model of inheritance."""

from contextvars import Context, copy_context

from hypothesis import given
from hypothesis import strategies as st

from singletable import Table
from singletable.models.binding.binding import held, pinned

META = {"table_name": "bound", "region": "eu-north-1", "endpoint_url": "http://meta", "max_attempts": 2}
PLACE = ("region", "endpoint_url")


class Bound(Table):
    class Meta:
        table_name = META["table_name"]
        region = META["region"]
        host = META["endpoint_url"]
        max_attempts = META["max_attempts"]


class Model:
    """A model of the layers: their settings, whether they fix the place, and the context in which they are active."""

    def __init__(self):
        self.process, self.context = [], []

    def expected(self, layers):
        """Return each setting from the innermost layer that gives it, the place from the last layer that fixes it."""
        found = {}
        fixing = [settings for settings, fixes in layers if fixes]
        for name in META:
            if name in PLACE and fixing:
                found[name] = fixing[-1][name]
                continue
            givers = [settings[name] for settings, _ in layers if settings.get(name) is not None]
            found[name] = givers[-1] if givers else META[name]
        return found


def now():
    """Return the active settings."""
    bound = Bound.bound()
    return {name: getattr(bound, name) for name in META}


VALUES = {
    "table_name": st.sampled_from(["one", "two", "three"]),
    "region": st.sampled_from(["eu-west-1", "us-west-2"]),
    "endpoint_url": st.sampled_from(["http://a", "http://b"]),
    "max_attempts": st.integers(1, 3),
}
SETTINGS = st.fixed_dictionaries({}, optional={name: value | st.none() for name, value in VALUES.items()})
PLACES = st.fixed_dictionaries(
    {name: VALUES[name] for name in PLACE}, optional={name: VALUES[name] for name in ("table_name", "max_attempts")}
)
STEPS = st.one_of(
    st.tuples(st.just("statement"), SETTINGS),
    st.tuples(st.just("block"), SETTINGS),
    st.tuples(st.just("engine"), PLACES),
    st.tuples(st.just("held"), st.none()),
    st.tuples(st.just("end"), st.integers(0, 9)),
    st.tuples(st.just("again"), st.integers(0, 9)),
)


def follow(steps):
    """Take the steps, and compare with the model after each step, in this context and in an empty one."""
    model, open_ = Model(), []
    # A held layer gives every setting, and fixes the place if an engine fixed it.
    for verb, what in steps:
        if verb == "statement":
            layer = (what, False)
            model.process.append(layer)
            open_.append((Bound.bind(**what).undo, [(model.process, layer)], None))
        elif verb == "block":
            layer = (what, False)
            binding = Bound.bind(**what)
            binding.__enter__()
            model.context.append(layer)
            open_.append((lambda binding=binding: binding.__exit__(), [(model.context, layer)], (binding, layer)))
        elif verb == "engine":
            layer = (what, True)
            engine = pinned(Bound, **what, place="engine")
            engine.__enter__()
            model.process.append(layer)
            model.context.append(layer)
            ending = [(model.process, layer), (model.context, layer)]
            open_.append((lambda engine=engine: engine.__exit__(None, None, None), ending, None))
        elif verb == "held":
            layers = [*model.process, *model.context]
            layer = (model.expected(layers), any(fixes for _, fixes in layers))
            block = held(Bound)
            block.__enter__()
            model.context.append(layer)
            open_.append((lambda block=block: block.__exit__(None, None, None), [(model.context, layer)], None))
        elif verb == "end" and open_:
            end, ending, _ = open_.pop(what % len(open_))
            end()
            for layers, layer in ending:
                # The innermost layer, because a binding may be entered more than once.
                position = max(number for number, each in enumerate(layers) if each is layer)
                del layers[position]
        elif verb == "again" and open_ and open_[what % len(open_)][2]:
            binding, layer = open_[what % len(open_)][2]
            binding.__enter__()
            model.context.append(layer)
            open_.append((lambda binding=binding: binding.__exit__(), [(model.context, layer)], (binding, layer)))
        assert model.expected([*model.process, *model.context]) == now()
        assert model.expected(model.process) == Context().run(now)
    for end, _, _ in open_:
        end()
    assert META == now()


@given(st.lists(STEPS, min_size=6, max_size=20))
def test_nested_bindings_are_as_the_model_of_inheritance(steps):
    """Statements, blocks, engines and held settings follow the model in any order."""
    before = dict(vars(Bound.Meta))
    copy_context().run(follow, steps)
    assert before == dict(vars(Bound.Meta))
