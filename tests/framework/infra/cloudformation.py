"""A double of CloudFormation that enforces its documented limits, on moto's DynamoDB.

It knows stacks with one table; other resources are names. Sources: CloudFormation User Guide, "Update behaviors of
stack resources", "Using change sets", "Import AWS resources into a CloudFormation stack"; Template Reference,
`AWS::DynamoDB::Table` (one global index is created or deleted in an update), "DeletionPolicy attribute".
"""

import json
from copy import deepcopy
from itertools import count

from botocore.exceptions import ClientError

TABLE_TYPES = ("AWS::DynamoDB::Table", "AWS::DynamoDB::GlobalTable")
UNCHANGED = "The submitted information didn't contain changes. Submit different information to create a change set."
LOOSE = ("Resources", "Description", "AWSTemplateFormatVersion")
"""Parts of a template that may change without a change of the stack, and the resources, compared one by one."""

OWNER = "aws:cloudformation:stack-name"


class Failed(Exception):
    """A resource could not be created, changed or deleted."""


class CloudFormation:
    """A client of CloudFormation.

    Args:
        dynamodb: A client of DynamoDB, in which the tables are.
        page: The number of changes on a page of a change set.
    """

    def __init__(self, dynamodb, page=2):
        self.dynamodb = dynamodb
        self.page = page
        self.stacks = {}
        self.log = []
        self.breakdown = None
        """The name of a resource that fails in the next execution."""

        self.on_create_index = lambda table, name: None
        self._numbers = count(1)

    # --- looking --------------------------------------------------------------------

    def describe_stacks(self, StackName):
        stack = self._stack(StackName)
        keys = ("StackStatus", "Parameters")
        return {"Stacks": [{"StackName": StackName, "Outputs": [], **{key: stack[key] for key in keys}}]}

    def describe_stack_events(self, StackName):
        return {"StackEvents": self._stack(StackName)["events"][::-1]}

    def describe_stack_resources(self, StackName):
        return {"StackResources": list(self._stack(StackName)["resources"].values())}

    def get_template(self, StackName, TemplateStage="Original"):
        return {"TemplateBody": self._stack(StackName)["body"]}

    def describe_change_set(self, StackName, ChangeSetName, NextToken=None):
        change_set = self._change_set(StackName, ChangeSetName)
        start = int(NextToken or 0)
        end = start + self.page
        answer = {key: change_set[key] for key in ("Status", "StatusReason", "ChangeSetName")}
        answer["Changes"] = change_set["changes"][start:end]
        return {**answer, "NextToken": str(end)} if end < len(change_set["changes"]) else answer

    def list_change_sets(self, StackName, NextToken=None):
        sets = list(self._stack(StackName)["change_sets"].values())
        start = int(NextToken or 0)
        keys = ("ChangeSetName", "Status", "ExecutionStatus")
        answer = {"Summaries": [{key: each[key] for key in keys} for each in sets[start : start + 1]]}
        return {**answer, "NextToken": str(start + 1)} if start + 1 < len(sets) else answer

    @property
    def pending(self):
        """Return the names of all remaining change sets, by stack."""
        return {name: list(stack["change_sets"]) for name, stack in self.stacks.items() if stack["change_sets"]}

    # --- change sets ----------------------------------------------------------------

    def create_change_set(
        self,
        StackName,
        ChangeSetName,
        TemplateBody,
        ChangeSetType="UPDATE",
        Parameters=(),
        Capabilities=(),
        ResourcesToImport=(),
    ):
        stack = self.stacks.get(StackName)
        made = stack is not None and stack["StackStatus"] != "REVIEW_IN_PROGRESS"
        if ChangeSetType == "UPDATE" and not made:
            refuse(f"Stack [{StackName}] does not exist")
        if ChangeSetType == "CREATE" and made:
            refuse(f"Stack [{StackName}] already exists and cannot be created again with the changeSet")
        if made and not stack["StackStatus"].endswith("COMPLETE"):
            refuse(f"Stack is in {stack['StackStatus']} state and can not be updated.")
        if made and stack["StackStatus"] == "ROLLBACK_COMPLETE":
            refuse("Stack is in ROLLBACK_COMPLETE state and can not be updated.")
        body = json.loads(TemplateBody)
        if not body.get("Resources"):
            refuse("Template format error: At least one Resources member must be defined.")
        before = stack["template"] if made else {"Resources": {}}
        for name, resource in body["Resources"].items():
            if before["Resources"].get(name, resource)["Type"] != resource["Type"]:
                refuse(f"Update of resource type is not permitted. The new template modifies resource type of {name}")
        if stack is None:
            stack = self.stacks[StackName] = {
                "StackStatus": "REVIEW_IN_PROGRESS",
                "Parameters": [],
                "events": [],
                "resources": {},
                "template": {"Resources": {}},
                "body": "",
                "change_sets": {},
            }
        reason = self._refusal_of_import(StackName, before, body, ResourcesToImport) if ResourcesToImport else ""
        if ChangeSetType == "IMPORT" and not ResourcesToImport:
            refuse("You must specify ResourcesToImport")
        changes = [] if reason else differences(before["Resources"], body["Resources"], ResourcesToImport)
        rest = [{key: value for key, value in each.items() if key not in LOOSE} for each in (before, body)]
        if not reason and not changes and rest[0] == rest[1]:
            reason = UNCHANGED
        stack["change_sets"][ChangeSetName] = {
            "ChangeSetName": ChangeSetName,
            "Status": "FAILED" if reason else "CREATE_COMPLETE",
            "StatusReason": reason,
            "ExecutionStatus": "UNAVAILABLE" if reason else "AVAILABLE",
            "changes": changes,
            "body": TemplateBody,
            "template": body,
            "imported": {each["LogicalResourceId"]: each for each in ResourcesToImport},
        }
        return {}

    def _refusal_of_import(self, stack, before, body, resources):
        imported = {each["LogicalResourceId"] for each in resources}
        if before.get("Outputs", {}) != body.get("Outputs", {}):
            return "As part of the import operation, you cannot modify or add [Outputs]"
        if set(body["Resources"]) - imported != set(before["Resources"]):
            return "As part of the import operation, you cannot add or remove resources that are not imported"
        if any(body["Resources"][name] != before["Resources"][name] for name in before["Resources"]):
            return "As part of the import operation, you cannot modify resources"
        for each in resources:
            if body["Resources"][each["LogicalResourceId"]].get("DeletionPolicy") not in (
                "Retain",
                "RetainExceptOnCreate",
            ):
                return f"Resource {each['LogicalResourceId']} must have DeletionPolicy attribute specified"
            name = each["ResourceIdentifier"]["TableName"]
            if not self._exists(name):
                return f"Resource {name} does not exist"
            owner = self._owner(name)
            if owner is not None:
                return f"Resource {name} already exists in stack {owner}"
        return ""

    def delete_change_set(self, StackName, ChangeSetName):
        self._change_set(StackName, ChangeSetName)
        del self.stacks[StackName]["change_sets"][ChangeSetName]
        return {}

    def execute_change_set(self, StackName, ChangeSetName):
        stack, change_set = self.stacks[StackName], self._change_set(StackName, ChangeSetName)
        if change_set["ExecutionStatus"] != "AVAILABLE":
            refuse(f"ChangeSet [{ChangeSetName}] cannot be executed in its current status of [FAILED]")
        # All others become invalid, and are deleted.
        stack["change_sets"] = {}
        new = stack["StackStatus"] == "REVIEW_IN_PROGRESS"
        before, after = stack["template"], change_set["template"]
        self.log.append((StackName, [each["ResourceChange"]["Action"] for each in change_set["changes"]]))
        try:
            self._apply(StackName, before["Resources"], after["Resources"], change_set["imported"])
        except Failed as error:
            name = str(error).partition(": ")[0]
            self._event(stack, name, "UPDATE_FAILED" if not new else "CREATE_FAILED", str(error).partition(": ")[2])
            if new:
                self._roll_back_creation(stack, after["Resources"])
            else:
                stack["StackStatus"] = "UPDATE_ROLLBACK_COMPLETE"
            self._event(stack, StackName, stack["StackStatus"])
            return {}
        stack["template"], stack["body"] = after, change_set["body"]
        verb = "IMPORT" if change_set["imported"] else "CREATE" if new else "UPDATE"
        stack["StackStatus"] = f"{verb}_COMPLETE"
        for name in (*after["Resources"], StackName):
            self._event(stack, name, stack["StackStatus"])
        return {}

    def _roll_back_creation(self, stack, resources):
        stack["StackStatus"] = "ROLLBACK_COMPLETE"
        stack["template"], stack["body"] = {"Resources": {}}, "{}"
        for name, resource in resources.items():
            kept = resource.get("DeletionPolicy") == "Retain"
            status = "DELETE_SKIPPED" if kept else "DELETE_COMPLETE"
            table = resource.get("Properties", {}).get("TableName")
            if resource["Type"] in TABLE_TYPES and self._exists(table) and not kept:
                if self.dynamodb.describe_table(TableName=table)["Table"].get("DeletionProtectionEnabled"):
                    stack["StackStatus"] = status = "ROLLBACK_FAILED"
                else:
                    self.dynamodb.delete_table(TableName=table)
            stack["resources"][name] = {"LogicalResourceId": name, "ResourceStatus": status, "PhysicalResourceId": name}

    def delete_stack(self, StackName):
        stack = self._stack(StackName)
        for resource in stack["template"]["Resources"].values():
            self._delete(resource)
        del self.stacks[StackName]
        return {}

    # --- resources --------------------------------------------------------------------

    def _apply(self, stack, before, after, imported):
        if self.breakdown in after:
            name, self.breakdown = self.breakdown, None
            for other, resource in after.items():
                if other != name and other not in before and resource["Type"] in TABLE_TYPES:
                    self._create(stack, resource)
            raise Failed(f"{name}: no permission")
        for name, resource in after.items():
            if resource["Type"] not in TABLE_TYPES:
                continue
            if name in imported:
                self._tag(resource["Properties"]["TableName"], stack)
            elif name not in before:
                self._create(stack, resource)
            else:
                self._update(before[name]["Properties"], resource["Properties"])
        for name, resource in before.items():
            if name not in after:
                self._delete(resource)

    def _create(self, stack, resource):
        given = resource["Properties"]
        name = given["TableName"]
        if self._exists(name):
            raise Failed(f"Table: {name} already exists")
        parts = ("TableName", "KeySchema", "AttributeDefinitions", "BillingMode", "GlobalSecondaryIndexes")
        params = {key: given[key] for key in (*parts, "LocalSecondaryIndexes", "ProvisionedThroughput") if key in given}
        self.dynamodb.create_table(**params)
        if "StreamSpecification" in given:
            view = {"StreamEnabled": True, **given["StreamSpecification"]}
            self.dynamodb.update_table(TableName=name, StreamSpecification=view)
        self._protect(name, given)
        if ttl_of(given):
            self._ttl(name, ttl_of(given), on=True)
        self._tag(name, stack, given.get("Tags", ()))

    def _update(self, before, after):
        name = after["TableName"]
        old, new = indexes_of(before), indexes_of(after)
        created, deleted = set(new) - set(old), set(old) - set(new)
        if len(created) + len(deleted) > 1:
            raise Failed("Table: Cannot perform more than one GSI creation or deletion in a single update")
        for each in set(old) & set(new):
            if any(old[each][part] != new[each][part] for part in ("KeySchema", "Projection")):
                raise Failed("Table: Cannot update GSI's properties other than Provisioned Throughput")
        there = {each["IndexName"] for each in self._describe(name).get("GlobalSecondaryIndexes") or ()}
        for each in created:
            if each in there:
                raise Failed(f"Table: Attempting to create an index which already exists: {each}")
            self.on_create_index(name, each)
            self._change_index(name, after, {"Create": new[each]})
        for each in deleted:
            if each not in there:
                raise Failed(f"Table: Requested resource not found: index {each}")
            self._change_index(name, after, {"Delete": {"IndexName": each}})
        self._update_ttl(name, ttl_of(before), ttl_of(after))
        self._protect(name, after)
        self._tag(name, self._owner(name), after.get("Tags", ()))

    def _update_ttl(self, name, before, after):
        if before == after:
            return
        current = self.dynamodb.describe_time_to_live(TableName=name)["TimeToLiveDescription"]
        on = current["TimeToLiveStatus"] == "ENABLED"
        if after and on:
            raise Failed("Table: TimeToLive is already enabled")
        if not after and not on:
            raise Failed("Table: TimeToLive is already disabled")
        if before and after:
            raise Failed("Table: TimeToLive is active on a different AttributeName")
        self._ttl(name, after or before, on=bool(after))

    def _change_index(self, name, properties, change):
        definitions = properties["AttributeDefinitions"]
        # moto keeps attributes that no index uses any longer; DynamoDB requires exactly those of all indexes.
        self.dynamodb.update_table(
            TableName=name, AttributeDefinitions=definitions, GlobalSecondaryIndexUpdates=[change]
        )

    def _ttl(self, name, attribute, *, on):
        specification = {"AttributeName": attribute, "Enabled": on}
        self.dynamodb.update_time_to_live(TableName=name, TimeToLiveSpecification=specification)

    def _protect(self, name, given):
        protected = is_true(given.get("DeletionProtectionEnabled"))
        self.dynamodb.update_table(TableName=name, DeletionProtectionEnabled=protected)

    def _delete(self, resource):
        if resource["Type"] not in TABLE_TYPES:
            return
        name = resource["Properties"]["TableName"]
        if resource.get("DeletionPolicy") in ("Retain", "RetainExceptOnCreate"):
            self.dynamodb.untag_resource(ResourceArn=self._describe(name)["TableArn"], TagKeys=[OWNER])
        else:
            self.dynamodb.delete_table(TableName=name)

    def _tag(self, name, stack, tags=()):
        arn = self._describe(name)["TableArn"]
        wanted = [*tags, *([{"Key": OWNER, "Value": stack}] if stack else [])]
        # If a tag is set twice, moto stores it twice.
        self.dynamodb.untag_resource(ResourceArn=arn, TagKeys=[each["Key"] for each in wanted])
        self.dynamodb.tag_resource(ResourceArn=arn, Tags=wanted)

    # --- helpers ----------------------------------------------------------------------

    def _owner(self, name):
        tags = self.dynamodb.list_tags_of_resource(ResourceArn=self._describe(name)["TableArn"])["Tags"]
        return next((each["Value"] for each in tags if each["Key"] == OWNER), None)

    def _describe(self, name):
        return self.dynamodb.describe_table(TableName=name)["Table"]

    def _exists(self, name):
        return name in self.dynamodb.list_tables()["TableNames"]

    def _stack(self, name):
        if name not in self.stacks:
            refuse(f"Stack with id {name} does not exist")
        return self.stacks[name]

    def _change_set(self, stack, name):
        if name not in self._stack(stack)["change_sets"]:
            raise ClientError({"Error": {"Code": "ChangeSetNotFound", "Message": f"{name} does not exist"}}, "x")
        return self.stacks[stack]["change_sets"][name]

    def _event(self, stack, name, status, reason=""):
        event = {"EventId": str(next(self._numbers)), "LogicalResourceId": name, "ResourceStatus": status}
        stack["events"].append({**event, "ResourceStatusReason": reason})


def refuse(message):
    """Answer with CloudFormation's error for a request that it does not accept."""
    raise ClientError({"Error": {"Code": "ValidationError", "Message": message}}, "CreateChangeSet")


def is_true(value):
    """Return whether a value of a template is true."""
    return str(value).lower() == "true"


def indexes_of(properties):
    """Return the global indexes of a table's properties, by name."""
    return {each["IndexName"]: each for each in properties.get("GlobalSecondaryIndexes", ())}


def ttl_of(properties):
    """Return the attribute of the time to live in a table's properties."""
    said = properties.get("TimeToLiveSpecification") or {}
    return said.get("AttributeName") if is_true(said.get("Enabled", False)) else None


def differences(before, after, imported):
    """Return the changes of resources. Another deletion policy alone does not count as a change."""
    names = {each["LogicalResourceId"] for each in imported}
    found = []
    for name in sorted({*before, *after}):
        old, new = before.get(name), after.get(name)
        change = {"LogicalResourceId": name, "ResourceType": (new or old)["Type"], "Details": []}
        if name in names:
            found.append({**change, "Action": "Import"})
        elif old is None:
            found.append({**change, "Action": "Add"})
        elif new is None:
            found.append({**change, "Action": "Remove"})
        elif old.get("Properties") != new.get("Properties"):
            found.append({**change, "Action": "Modify", **modification(new["Type"], old, new)})
    return [{"Type": "Resource", "ResourceChange": each} for each in found]


def modification(kind, old, new):
    """Return how CloudFormation reports a changed resource: which properties, and whether it is replaced."""
    before, after = old.get("Properties", {}), new.get("Properties", {})
    parts = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    recreation = dict.fromkeys(parts, "Never")
    if kind in TABLE_TYPES:
        recreation.update({name: "Always" for name in parts if name in ("TableName", "KeySchema")})
        recreation.update({name: "Conditionally" for name in parts if name == "AttributeDefinitions"})
    worst = "True" if "Always" in recreation.values() else "False"
    if worst == "False" and "Conditionally" in recreation.values():
        worst = "Conditional"
    target = {"Attribute": "Properties"}
    details = [{"Target": {**target, "Name": name, "RequiresRecreation": recreation[name]}} for name in parts]
    return {"Replacement": worst, "Details": deepcopy(details)}
