"""Functions that prepare the local AWS server for a block: `<!-- given: NAME -->` above the block calls one."""

from pathlib import Path

from botocore.session import get_session

from models import ShopTable
from singletable.models.binding.binding import connection_of
from tests.framework.migrations.server import CREDENTIALS


def the_shops_table_without_gsi3(folder: Path, url: str) -> None:
    """Create the table `shop` without the index GSI3."""
    with ShopTable.bind(endpoint_url=url, credentials=CREDENTIALS, region="us-east-1"):
        ShopTable.create_table(wait=True)
        connection = connection_of(ShopTable).connection
        change = [{"Delete": {"IndexName": "GSI3"}}]
        connection.dispatch("UpdateTable", {"TableName": "shop", "GlobalSecondaryIndexUpdates": change})


def the_topic_of_the_shop(folder: Path, url: str) -> None:
    """Create the topic that SHOP_TOPIC_ARN names, because the stream's handlers check it when they start."""
    access, secret, _ = CREDENTIALS
    client = get_session().create_client(
        "sns", region_name="us-east-1", endpoint_url=url, aws_access_key_id=access, aws_secret_access_key=secret
    )
    client.create_topic(Name="shop")


def a_stack_that_moto_can_make(folder: Path, url: str) -> None:
    """Prepare the stack without its own KMS key, because moto's CloudFormation misreads the key's tags."""
    with (folder / "setup.cfg").open("a", encoding="utf-8") as file:
        file.write("\n[singletable:infra]\ncustomer_key = no\n")
