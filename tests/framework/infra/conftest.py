"""A DynamoDB and a CloudFormation for deployments of tests, and an environment of the shop in them."""

import boto3
import pytest
from moto import mock_aws

from models import ShopTable
from singletable.infra.deployment import Deployment
from singletable.infra.environment import read_settings
from singletable.infra.stack import Stack
from tests.framework.infra.cloudformation import CloudFormation

REGION = "us-east-1"


class World:
    """A DynamoDB, a double of CloudFormation on it, and deployments of a table's models."""

    def __init__(self, description, name="shop", environment="dev"):
        self.dynamodb = boto3.client("dynamodb", REGION)
        self.cloudformation = CloudFormation(self.dynamodb)
        self.description = description
        self.environment = environment
        self.options = {}
        self.base = name

    @property
    def settings(self):
        """The settings of the environment."""
        return read_settings(self.environment, self.base, {"": self.options})

    @property
    def name(self):
        """The name of the table and of its stack."""
        return self.settings.table_name

    def stack(self):
        """Return the stack of the environment."""
        return Stack(self.cloudformation, self.name, wait=lambda seconds: None)

    def deployment(self, history=None, **parameters):
        """Return a deployment of the present models."""
        return Deployment(self.stack(), self.dynamodb, self.description, self.settings, parameters, history=history)

    def update(self, history=None):
        """Execute the updates of a deployment; return the changes of each, as (action, resource)."""
        done = []
        deployment = self.deployment(history)
        for template in deployment.updates():
            with deployment.stack.planned(template) as changes:
                done.append([(each.action, each.name) for each in changes.changes])
                if changes.exists:
                    deployment.stack.execute(changes, lambda line: None)
        return done

    def resources(self):
        """Return the resources in the template of the stack."""
        return self.stack().template()["Resources"]

    def indexes(self):
        """Return the names of the table's global indexes."""
        table = self.dynamodb.describe_table(TableName=self.name)["Table"]
        return sorted(each["IndexName"] for each in table.get("GlobalSecondaryIndexes") or ())

    def put(self, *keys):
        """Store items."""
        for key in keys:
            self.dynamodb.put_item(TableName=self.name, Item={"PK": {"S": key}, "SK": {"S": key}})

    def count(self):
        """Return the number of items in the table."""
        return self.dynamodb.scan(TableName=self.name)["Count"]


@pytest.fixture
def aws(monkeypatch):
    """AWS, simulated by moto."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", REGION)
    with mock_aws():
        yield


@pytest.fixture
def world(aws):
    """The shop's models in the environment `dev`, before the first deployment."""
    return World(ShopTable.describe())


@pytest.fixture
def production(aws):
    """The shop's models in the environment `prod`, before the first deployment."""
    return World(ShopTable.describe(), environment="prod")
