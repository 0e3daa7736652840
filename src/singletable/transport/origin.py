"""Origins: the address of a server, how to reach it, and the errors of a failed exchange with it.

The errors are botocore's, so that both paths of a request report a fault in the same way.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property, lru_cache
from urllib.parse import urlsplit

import attrs
from botocore.exceptions import (
    ConnectionClosedError,
    ConnectTimeoutError,
    EndpointConnectionError,
    ReadTimeoutError,
    SSLError,
)
from botocore.httpsession import create_urllib3_context, get_cert_path

from singletable.transport.http import MalformedAnswerError

__all__ = ["Origin"]

_PORTS = {"http": 80, "https": 443}


@attrs.frozen(slots=False)
class Origin:
    """A server, and how to reach it.

    Args:
        url: The URL of requests: `https://dynamodb.eu-west-1.amazonaws.com/`.
        verify: Whether to verify the server's certificate, or the path of the certificates to trust, as in botocore.
        socket_options: Options of sockets, as arguments of `setsockopt`.
        connect_timeout: Seconds to wait for a connection, and again for its TLS handshake.
        connections: The most open connections of one event loop, and the most idle ones that threads keep.
        idle: Seconds after which an idle connection is not used again.
    """

    url: str
    verify: bool | str = True
    socket_options: tuple[tuple[int, int, int], ...] = ()
    connect_timeout: float = 60.0
    connections: int = 10
    idle: float = 60.0

    @cached_property
    def host(self) -> str:
        """The name or the address of the host."""
        return str(urlsplit(self.url).hostname)

    @cached_property
    def port(self) -> int:
        """The port."""
        parts = urlsplit(self.url)
        return parts.port or _PORTS[parts.scheme]

    @cached_property
    def authority(self) -> str:
        """The host as the header Host has it: with the port, unless it is the scheme's own."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _PORTS[urlsplit(self.url).scheme] else f"{host}:{self.port}"

    @cached_property
    def tls(self) -> ssl.SSLContext | None:
        """The context of its TLS connections, with the SDK's certificates and ciphers; None for plain HTTP."""
        return _tls(self.verify) if urlsplit(self.url).scheme == "https" else None

    @contextmanager
    def connecting(self) -> Iterator[None]:
        """Raise botocore's error if no connection is made in the block: nothing was sent.

        Raises:
            ConnectTimeoutError: It took too long.
            SSLError: The TLS handshake failed.
            EndpointConnectionError: The host does not exist, or no server listens.
        """
        try:
            yield
        except TimeoutError as error:
            raise ConnectTimeoutError(endpoint_url=self.url, error=error) from error
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=self.url, error=error) from error
        except OSError as error:
            raise EndpointConnectionError(endpoint_url=self.url, error=error) from error

    @contextmanager
    def exchanging(self) -> Iterator[None]:
        """Raise botocore's error if no answer arrives in the block: the request may have been executed.

        Raises:
            ReadTimeoutError: Nothing arrived for too long.
            SSLError: TLS failed.
            ConnectionClosedError: The connection was closed, or the bytes are not an answer.
        """
        try:
            yield
        except TimeoutError as error:
            raise ReadTimeoutError(endpoint_url=self.url, error=error) from error
        except ssl.SSLError as error:
            raise SSLError(endpoint_url=self.url, error=error) from error
        except (OSError, EOFError, MalformedAnswerError) as error:
            raise ConnectionClosedError(endpoint_url=self.url, error=error) from error


@lru_cache(maxsize=8)
def _tls(verify: bool | str) -> ssl.SSLContext:
    """Return a TLS context as botocore's HTTP session makes it; loading the certificates takes some milliseconds."""
    context: ssl.SSLContext = create_urllib3_context()
    if verify:
        context.load_verify_locations(get_cert_path(verify))
        # urllib3 compares the host's name itself.
        context.check_hostname = True
    else:
        context.verify_mode = ssl.CERT_NONE
    return context
