"""Signatures of requests: AWS Signature Version 4, with a signing key that is derived once a day.

The signature equals botocore's (`botocore.auth.SigV4Auth`), which derives the signing key for each request. The
algorithm is in AWS's reference "Create a signed AWS API request".
"""

from __future__ import annotations

import hashlib
import hmac
import time
from collections.abc import Mapping
from urllib.parse import quote

from botocore.credentials import ReadOnlyCredentials
from botocore.utils import normalize_url_path

__all__ = ["Signer"]

_ALGORITHM = "AWS4-HMAC-SHA256"


class Signer:
    """Signs POST requests to one path, for one region and service.

    Args:
        region: The region of the signature: `eu-west-1`.
        service: The service's signing name: `dynamodb`.
        path: The path of the URL, as it is sent.
    """

    def __init__(self, region: str, service: str, path: str = "/") -> None:
        self._scope = f"/{region}/{service}/aws4_request"
        self._region, self._service = region, service
        self._request = f"POST\n{quote(normalize_url_path(path), safe='/~')}\n\n"
        # The last moment and the last key. Each is one tuple, so that threads can replace it without a lock.
        self._moment: tuple[int, str] = (-1, "")
        self._key: tuple[tuple[str, str], bytes] = (("", ""), b"")

    def sign(self, headers: Mapping[str, str], body: bytes, credentials: ReadOnlyCredentials) -> dict[str, str]:
        """Return the headers of a signed request: those to sign, the time, the session token and the signature.

        Args:
            headers: The headers to sign, by their names in lower case.
            body: The body.
            credentials: The access key, the secret key, and the session token or None.
        """
        moment = self._now()
        signed = {**headers, "x-amz-date": moment}
        if credentials.token:
            signed["x-amz-security-token"] = credentials.token
        names = sorted(signed)
        lines = "".join([f"{name}:{_trimmed(signed[name])}\n" for name in names])
        listed = ";".join(names)
        request = f"{self._request}{lines}\n{listed}\n{hashlib.sha256(body).hexdigest()}"
        scope = moment[:8] + self._scope
        text = f"{_ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(request.encode()).hexdigest()}"
        key = self._signing_key(moment[:8], credentials.secret_key)
        signature = hmac.digest(key, text.encode(), "sha256").hex()
        signed["authorization"] = (
            f"{_ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={listed}, Signature={signature}"
        )
        return signed

    def _now(self) -> str:
        second = int(time.time())
        known, text = self._moment
        if second != known:
            text = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(second))
            self._moment = (second, text)
        return text

    def _signing_key(self, day: str, secret: str) -> bytes:
        known, key = self._key
        if known != (day, secret):
            key = f"AWS4{secret}".encode()
            for part in (day, self._region, self._service, "aws4_request"):
                key = hmac.digest(key, part.encode(), "sha256")
            self._key = ((day, secret), key)
        return key


def _trimmed(value: str) -> str:
    """Return a header's value as it is signed: without spaces at the ends, and with single spaces within it."""
    return value if " " not in value else " ".join(value.split())
