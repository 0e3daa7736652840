"""Users: look-ups, registration and updates."""

from typing import Any

from models import EmailClaim, ShopTable, User, UserStatus
from singletable import CancellationReason, Get, Query
from singletable.errors import AlreadyExistsError, TransactionCancelled
from singletable.patterns import access_pattern

CHANGEABLE = ("name", "email", "phone", "address", "status")
"""The attributes that `update_user` can change; an id or a time of creation never changes."""

_ATTEMPTS = 10


class EmailTakenError(ValueError):
    """Another user has the e-mail address, which is personal and therefore not in the message."""


@access_pattern("1. A user", permanent=True)
def user(user_id: str) -> Get[User]:
    """Return one user by id."""
    return User.item(user_id=user_id)


@access_pattern("9. A user by e-mail", permanent=True)
def user_by_email(email: str) -> Query[User]:
    """Return the user with an e-mail address; capital and small letters are different."""
    return User.by_email.query(email=email)


@access_pattern("10. Users by status, newest first")
def users_by_status(status: UserStatus) -> Query[User]:
    """Return the users in a status. Products share the index; the prefix of the sort key distinguishes them."""
    return User.by_status.query(status=status, descending=True)


def register_user(name: str, email: str, **attributes: Any) -> User:
    """Register a user with a new random id. Two users never have the same address, also if both register at once.

    Raises:
        EmailTakenError: Another user has the address.
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
    """Change the allowed attributes of a user; the keys that depend on them are changed with them.

    Raises:
        TypeError: An attribute must not be changed.
        User.DoesNotExist: The user does not exist.
        EmailTakenError: Another user has the new address.
    """
    forbidden = sorted(set(changes) - set(CHANGEABLE))
    if forbidden:
        raise TypeError(f"{', '.join(forbidden)} cannot be changed; only {', '.join(CHANGEABLE)}.")
    for attempt in range(1, _ATTEMPTS + 1):
        found = User.get(user_id=user_id, consistent=True)
        email = changes.get("email", found.email)
        if email == found.email:
            # The address is not set again: it may have changed since, and may belong to another user by now.
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
            # If the user's address was changed meanwhile, the next attempt uses the new address.
            changed = any(reason.code == "ConditionalCheckFailed" for reason in (updated, *released))
            if not changed or attempt == _ATTEMPTS:
                raise
    return found


def _is_claimed_by(user_id: str, email: str) -> bool:
    """Return whether a user has the claim to an address; users from before the claims do not have one."""
    claim = EmailClaim.item(email=email, consistent=True).one_or_none()
    return claim is not None and claim.user_id == user_id


def _refuse_taken(claim: CancellationReason) -> None:
    if isinstance(claim.error, AlreadyExistsError):
        raise EmailTakenError("Another user has this e-mail address.") from None
