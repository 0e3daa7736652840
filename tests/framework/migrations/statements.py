"""PartiQL's UPDATE as DynamoDB documents it, by moto's UpdateItem: moto's own ignores false conditions."""

import re
from collections import Counter

import attrs
from botocore.exceptions import ClientError

from singletable.testing.faults import Fault

NAME = r'"((?:[^"]|"")+)"'


@attrs.frozen(kw_only=True)
class Statements(Fault):
    """Answers BatchExecuteStatement; some statements are throttled within an answer with status 200."""

    throttle: float = 0.0
    done: Counter = attrs.field(factory=Counter)
    failed: list = attrs.field(factory=list)
    operations: tuple = ("BatchExecuteStatement",)

    def befall(self, send, operation, params, dice):
        return {"Responses": [self._one(send, each, dice) for each in params["Statements"]]}

    def _one(self, send, statement, dice):
        if dice.random() < self.throttle:
            self.failed.append(statement)
            return {"Error": {"Code": "ThrottlingError", "Message": "Injected."}}
        text, values = statement["Statement"], iter(statement["Parameters"])
        table, changes, where = re.fullmatch(rf"UPDATE {NAME} (.*) WHERE (.*)", text).groups()
        names, placed, parts = {}, {}, {"SET": [], "REMOVE": []}
        for verb, name in re.findall(rf"(SET|REMOVE) {NAME}", changes):
            place = names.setdefault(name, f"#{len(names)}")
            if verb == "SET":
                placed[f":{len(placed)}"] = next(values)
                place = f"{place} = :{len(placed) - 1}"
            parts[verb].append(place)
        key, conditions = {}, []
        for name, test in re.findall(rf"{NAME} (= \?|IS MISSING)", where):
            if name in ("PK", "SK"):
                key[name] = next(values)
                conditions.append(f"attribute_exists({names.setdefault(name, f'#{len(names)}')})")
            elif test == "IS MISSING":
                conditions.append(f"attribute_not_exists({names.setdefault(name, f'#{len(names)}')})")
            else:
                placed[f":{len(placed)}"] = next(values)
                conditions.append(f"{names.setdefault(name, f'#{len(names)}')} = :{len(placed) - 1}")
        update = {
            "TableName": table,
            "Key": key,
            "UpdateExpression": " ".join(f"{verb} {', '.join(each)}" for verb, each in parts.items() if each),
            "ConditionExpression": " AND ".join(conditions),
            "ExpressionAttributeNames": {place: name for name, place in names.items()},
            "ExpressionAttributeValues": placed,
            "ReturnValuesOnConditionCheckFailure": "ALL_OLD",
        }
        try:
            send("UpdateItem", update)
        except ClientError as error:
            told = error.__cause__ or error
            item = told.response.get("Item")
            return {"Error": {"Code": "ConditionalCheckFailed", **({"Item": item} if item else {})}}
        self.done[key["PK"]["S"]] += 1
        return {"TableName": table}
