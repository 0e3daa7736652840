"""Sessions: the botocore sessions whose credentials sign a connection's requests."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import lru_cache
from threading import Lock, RLock
from typing import Any

from botocore.credentials import (
    AssumeRoleCredentialFetcher,
    CredentialProvider,
    CredentialResolver,
    DeferredRefreshableCredentials,
)
from botocore.exceptions import BotoCoreError, NoCredentialsError
from botocore.loaders import Loader, create_loader
from botocore.session import Session

from singletable.forking import run_in_child
from singletable.requests.connection_settings import Settings
from singletable.requests.services import label_errors

__all__ = ["creating", "free_credentials", "region_of_profile", "session_of"]

_ROLE_SESSION = "singletable"
_lock = RLock()


def creating() -> AbstractContextManager[bool]:
    """Return the lock for the creation of sessions and clients: botocore's sessions are not thread-safe."""
    return _lock


def _renew() -> None:
    # A thread of the parent may have held this lock during the fork.
    global _lock
    _lock = RLock()


run_in_child(_renew)


def region_of_profile(profile: str | None, session: Session | None = None) -> str | None:
    """Return the region that the SDK's configuration gives for a profile; None if it gives none.

    Args:
        profile: The profile; None for the one that the environment names.
        session: A session to use in place of the profile.
    """
    try:
        region: str | None = (session or Session(profile=profile)).get_config_variable("region")
    except BotoCoreError:
        return None  # The first request reports the error.
    return region


def free_credentials(session: Session) -> None:
    """Replace the lock of a session's credentials, which another thread may have held during a fork."""
    credentials: Any = getattr(session, "_credentials", None)
    if hasattr(credentials, "_refresh_lock"):
        credentials._refresh_lock = Lock()


def session_of(settings: Settings) -> Session:
    """Return a botocore session with the credentials that the settings name."""
    if settings.session is not None:
        source: Session = settings.session
    else:
        source = Session(profile=settings.profile)
        if settings.credentials:
            source.set_credentials(*settings.credentials)
        _share_descriptions(source)
    return source if settings.role_arn is None else _assumed(source, settings.role_arn, settings)


def _share_descriptions(session: Session) -> None:
    """Read the SDK's service descriptions once in a process instead of once for each client."""
    session.register_component("data_loader", _loader(session.get_config_variable("data_path")))


@lru_cache(maxsize=8)
def _loader(data_path: str | None) -> Loader:
    return create_loader(data_path)


def _assumed(source: Session, role_arn: str, settings: Settings) -> Session:
    session = Session(profile=settings.profile)
    _share_descriptions(session)
    session.register_component("credential_provider", CredentialResolver([_Role(source, role_arn, settings.region)]))
    return session


class _Role(CredentialProvider):  # type: ignore[misc]  # botocore has no annotations
    """Provides the credentials of a role, which are refreshed before they expire."""

    METHOD = "assume-role"

    def __init__(self, source: Session, role_arn: str, region: str | None) -> None:
        super().__init__()
        self._source, self._role_arn, self._region = source, role_arn, region

    def load(self) -> Any:
        return DeferredRefreshableCredentials(self._fetch, self.METHOD)

    def _fetch(self) -> Any:
        credentials = self._source.get_credentials()
        if credentials is None:
            raise NoCredentialsError
        return AssumeRoleCredentialFetcher(
            self._create_client, credentials, self._role_arn, extra_args={"RoleSessionName": _ROLE_SESSION}
        ).fetch_credentials()

    def _create_client(self, *args: Any, **kwargs: Any) -> Any:
        with creating():
            return label_errors(self._source.create_client(*args, region_name=self._region, **kwargs))
