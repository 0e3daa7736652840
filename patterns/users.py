"""Users: look-ups, registering, changing what may be changed."""

from typing import Any

from models import EmailClaim, ShopTable, User, UserStatus
from singletable import CancellationReason, Get, Query
from singletable.errors import AlreadyExists, TransactionCancelled
from singletable.patterns import access_pattern

CHANGEABLE = ("name", "email", "phone", "address", "status")
"""The attributes that `update_user` takes; an id or a date of creation never changes."""

_ATTEMPTS = 10


class EmailTaken(ValueError):
    """Another user has the e-mail address. It is personal, and not in the message."""


@access_pattern("1. A user", permanent=True)
def user(user_id: str) -> Get[User]:
    """One user by id."""
    return User.item(user_id=user_id)


@access_pattern("9. A user by e-mail", permanent=True)
def user_by_email(email: str) -> Query[User]:
    """The user with an e-mail address; it is compared as it is, in capitals and all."""
    return User.by_email.query(email=email)


@access_pattern("10. Users by status, newest first")
def users_by_status(status: UserStatus) -> Query[User]:
    """Users in a status. Products share the index; the sort key's prefix keeps them apart."""
    return User.by_status.query(status=status, descending=True)


def register_user(name: str, email: str, **attributes: Any) -> User:
    """Register a user under a new random id. No two users have one address, also if both arrive at one moment.

    Raises:
        EmailTaken: Another user has the address.
    """
    new = User(name=name, email=email, **attributes)
    try:
        with ShopTable.transaction() as transaction:
            transaction.create(new)
            transaction.create(EmailClaim(email=email, user_id=new.user_id))
    except TransactionCancelled as error:
        _refuse_taken(error.reasons[1])
        raise
    return new


def update_user(user_id: str, **changes: Any) -> User:
    """Change a user, in the allowed attributes only; the keys that depend on them follow.

    Raises:
        TypeError: An attribute may not be changed.
        User.DoesNotExist: There is no such user.
        EmailTaken: Another user has the new address.
    """
    forbidden = sorted(set(changes) - set(CHANGEABLE))
    if forbidden:
        raise TypeError(f"{', '.join(forbidden)} cannot be changed; only {', '.join(CHANGEABLE)}.")
    for attempt in range(1, _ATTEMPTS + 1):
        found = User.get(user_id=user_id, consistent=True)
        email = changes.get("email", found.email)
        if email == found.email:
            # Not set again: it may be another one by now, and another user's.
            others = {name: value for name, value in changes.items() if name != "email"}
            if others:
                found.update(**others)
            break
        try:
            with ShopTable.transaction() as transaction:
                transaction.update(found, condition=User.email == found.email, **changes)
                transaction.create(EmailClaim(email=email, user_id=user_id))
                if _is_claimed_by(user_id, found.email):
                    transaction.delete(
                        EmailClaim(email=found.email, user_id=user_id), condition=EmailClaim.user_id == user_id
                    )
            break
        except TransactionCancelled as error:
            updated, claim, *released = error.reasons
            if updated.code != "ConditionalCheckFailed":
                _refuse_taken(claim)
            # Where the user's address was changed meanwhile, it begins again with the new one.
            changed = any(reason.code == "ConditionalCheckFailed" for reason in (updated, *released))
            if not changed or attempt == _ATTEMPTS:
                raise
    return found


def _is_claimed_by(user_id: str, email: str) -> bool:
    """Whether a user has the claim to an address; one that was stored before there were claims has none."""
    claim = EmailClaim.item(email=email, consistent=True).one_or_none()
    return claim is not None and claim.user_id == user_id


def _refuse_taken(claim: CancellationReason) -> None:
    if isinstance(claim.error, AlreadyExists):
        raise EmailTaken("Another user has this e-mail address.") from None
