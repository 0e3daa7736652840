"""The stream's Lambda function: `shop.awslambda.handler`.

The environment variable SHOP_TABLE names its table, such as `shop-dev`. It has no default, because a default would send
the changes of one environment to the table of another. Missing settings are reported when the function starts.
"""

import os

from models import ShopTable
from shop.notices import NotConfiguredError
from shop.stream import router

_TABLE = os.environ.get("SHOP_TABLE", "")
if not _TABLE:
    raise NotConfiguredError("SHOP_TABLE is not set. Give the name of the table whose stream the function reads.")

binding = ShopTable.bind(table_name=_TABLE)
handler = router.lambda_handler
