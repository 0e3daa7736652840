"""Users."""

from enum import Enum

from pynamodb.attributes import UnicodeAttribute

from models.ids import new_id
from models.table import GSI1, GSI2, ShopTable
from singletable import EnumAttribute, Key


class UserStatus(str, Enum):
    """The status of a user."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    SUSPENDED = "SUSPENDED"


class EmailClaim(ShopTable, discriminator="EMAIL_CLAIM"):
    """A claim of an e-mail address by a user; its key is the address, so that no two users can have it."""

    class Meta:
        personal = ("email",)

    email = UnicodeAttribute()
    user_id = UnicodeAttribute(attr_name="userId")

    key = Key(pk="EMAIL_CLAIM#{email}", sk="CLAIM")


class User(ShopTable, discriminator="USER"):
    """A customer. Users never expire: the tutorial's one-year TTL would delete customers."""

    class Meta:
        personal = ("email", "phone", "address")

    user_id = UnicodeAttribute(attr_name="userId", default_for_new=new_id)
    name = UnicodeAttribute()
    email = UnicodeAttribute()
    status = EnumAttribute(UserStatus, default_for_new=UserStatus.ACTIVE)
    phone = UnicodeAttribute(null=True)
    address = UnicodeAttribute(null=True)

    key = Key(pk="USER#{user_id}", sk="PROFILE")
    by_email = Key(index=GSI1, pk="EMAIL#{email}", sk="USER#{user_id}")
    by_status = Key(index=GSI2, pk="STATUS#{status}", sk="USER#{created_at}")
