"""A small interpreter of state machines, for the states of the Amazon States Language that are used here."""

import json

import attrs

LIMIT = 256 * 1024
"""Bytes that one state may hand to the next."""


class StateError(Exception):
    """A state failed."""

    def __init__(self, error, cause=""):
        super().__init__(f"{error}: {cause}")
        self.error, self.cause = error, cause


class Failed(StateError):
    """An execution ended in a Fail state, or with an uncaught error."""


@attrs.define
class Execution:
    """An execution of a state machine.

    Args:
        definition: The state machine.
        call: Called with each payload that a Lambda function is given; raises `StateError` if it fails.
        name: The execution's id.
    """

    definition: dict
    call: object
    name: str = "execution-1"
    trace: list = attrs.field(factory=list)

    def run(self, data):
        """Return the output for an input."""
        context = {"Execution": {"Id": self.name, "Input": data}}
        return self._machine(self.definition, data, context)

    def _machine(self, machine, data, context):
        name = machine["StartAt"]
        while True:
            state = machine["States"][name]
            self.trace.append(name)
            data = _small(data)
            try:
                following, data = getattr(self, f"_{state['Type'].lower()}")(state, data, context)
            except Failed:
                raise
            except StateError as error:
                following, data = _caught(state, data, error)
            if following is None:
                return data
            name = following

    def _wait(self, state, data, context):
        assert state["Seconds"] > 0
        return state["Next"], data

    def _succeed(self, state, data, context):
        return None, _output(state, data)

    def _fail(self, state, data, context):
        raise Failed(_path(state["ErrorPath"], data, context), _path(state["CausePath"], data, context))

    def _choice(self, state, data, context):
        for rule in state["Choices"]:
            value = _path(rule["Variable"], data, context)
            wanted = rule.get("StringEquals", rule.get("BooleanEquals"))
            assert type(value) is type(wanted)
            if value == wanted:
                return rule["Next"], data
        return state["Default"], data

    def _task(self, state, data, context):
        assert state["Resource"] == "arn:aws:states:::lambda:invoke"
        request = _template(state["Parameters"], data, context)
        attempts = {}
        while True:
            try:
                answer = {"Payload": _small(self.call(_small(request["Payload"]))), "StatusCode": 200}
            except StateError as error:
                number = next(n for n, each in enumerate(state["Retry"]) if _matches(each, error))
                attempts[number] = attempts.get(number, 0) + 1
                if attempts[number] > state["Retry"][number].get("MaxAttempts", 3):
                    raise
            else:
                return state["Next"], _result(state, data, answer, context)

    def _map(self, state, data, context):
        assert state["ItemProcessor"]["ProcessorConfig"]["Mode"] == "DISTRIBUTED"
        results = []
        for index, value in enumerate(_path(state["ItemsPath"], data, context)):
            inner = {**context, "Map": {"Item": {"Index": index, "Value": value}}}
            item = _template(state["ItemSelector"], data, inner)
            # A child execution: it has another id and another input.
            own = {"Execution": {"Id": f"{self.name}/{index}", "Input": item}}
            try:
                results.append(self._machine(state["ItemProcessor"], item, own))
            except StateError as error:
                self.trace.append(error)
                raise StateError("States.ExceedToleratedFailureThreshold", "The threshold was exceeded.") from None
        return state["Next"], _result(state, data, _small(results), context)


def _small(data):
    text = json.dumps(data)
    assert len(text.encode()) <= LIMIT
    return json.loads(text)


def _matches(rule, error):
    return "States.ALL" in rule["ErrorEquals"] or error.error in rule["ErrorEquals"]


def _caught(state, data, error):
    for rule in state.get("Catch", ()):
        if _matches(rule, error):
            return rule["Next"], _placed(rule, data, {"Error": error.error, "Cause": error.cause})
    raise Failed(error.error, error.cause)


def _result(state, data, answer, context):
    if "ResultSelector" in state:
        answer = _template(state["ResultSelector"], answer, context)
    return _output(state, _placed(state, data, answer))


def _placed(state, data, answer):
    where = state.get("ResultPath", "$")
    if where is None:
        return data
    if where == "$":
        return answer
    return {**data, where.removeprefix("$."): answer}


def _output(state, data):
    where = state.get("OutputPath", "$")
    return {} if where is None else _path(where, data, {})


def _path(path, data, context):
    value, names = (context, path[2:]) if path.startswith("$$") else (data, path[1:])
    for name in names.strip(".").split(".") if names else ():
        if name not in value:
            raise Failed("States.Runtime", f"{path} leads nowhere in {value!r}")
        value = value[name]
    return value


def _template(template, data, context):
    made = {}
    for name, value in template.items():
        if name.endswith(".$"):
            made[name.removesuffix(".$")] = _path(value, data, context)
        else:
            made[name] = _template(value, data, context) if isinstance(value, dict) else value
    return made
