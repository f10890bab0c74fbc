"""The AWS SDK's clients, made when first used, and what their errors mean.

boto3 takes a third of a second to import and each client some tens of milliseconds to make; a
function that answers without one pays for none. The SDK's defaults would wait a minute for a silent
endpoint and try again for longer than a function lives, so every time is bounded here.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from shared.adapters.aws.whole_answers import require_whole_answers
from shared.domain.errors import Unavailable

if TYPE_CHECKING:
    from boto3 import Session
    from types_boto3_batch import BatchClient
    from types_boto3_dynamodb import DynamoDBClient
    from types_boto3_events import EventBridgeClient
    from types_boto3_s3 import S3Client
    from types_boto3_secretsmanager import SecretsManagerClient
    from types_boto3_sqs import SQSClient

#: Seconds until an endpoint must have taken the connection, and between two bytes of its answer.
CONNECT_SECONDS = 2.0
READ_SECONDS = 10.0
#: The same for S3: it answers a part of some MiB, and the end of a multipart upload of many parts,
#: only when all of it is stored.
S3_READ_SECONDS = 30.0
#: Tries in all, with full jitter between them ("standard" mode: throttling, 5xx, lost connections).
MAX_ATTEMPTS = 4
#: A function has 29 seconds in all, and what gives up sooner can still say so: with these a call to
#: a service that says nothing ends after 21 seconds, waits between tries included, to S3 after 27.
FUNCTION_READ_SECONDS = 4.0
FUNCTION_S3_READ_SECONDS = 6.0
FUNCTION_MAX_ATTEMPTS = 3

#: The caller may not: asking again changes nothing.
_DENIED = frozenset(
    {
        "403",  # of a HEAD, whose answer has no body to say more
        "AccessDenied",
        "AccessDeniedException",
        "AuthorizationError",
        "ExpiredToken",
        "ExpiredTokenException",
        "InvalidAccessKeyId",
        "InvalidClientTokenId",
        "SignatureDoesNotMatch",
        "UnauthorizedOperation",
        "UnrecognizedClientException",
    }
)


class AwsClients:
    """Low-level clients by service; each is made once and may be used from any thread.

    The region, the credentials and the endpoints (``AWS_ENDPOINT_URL_<SERVICE>``) come from the
    environment, as every AWS SDK reads them.
    """

    def __init__(
        self,
        *,
        connect_seconds: float = CONNECT_SECONDS,
        read_seconds: float = READ_SECONDS,
        s3_read_seconds: float = S3_READ_SECONDS,
        max_attempts: int = MAX_ATTEMPTS,
    ) -> None:
        self._connect_seconds = connect_seconds
        self._read_seconds = read_seconds
        self._s3_read_seconds = s3_read_seconds
        self._max_attempts = max_attempts
        self._made: dict[tuple[str, int | None], Any] = {}
        self._session: Session | None = None
        self._lock = threading.Lock()

    @property
    def dynamodb(self) -> DynamoDBClient:
        """Tables."""
        return cast("DynamoDBClient", self._client("dynamodb"))

    @property
    def s3(self) -> S3Client:
        """Buckets; signed with version 4, so that presigned URLs carry it too.

        Host names with the region in them: presigned URLs for the global one are redirected, which
        no browser and no signature survives, until a new bucket's name is known everywhere.
        """
        return cast(
            "S3Client",
            self._client(
                "s3",
                signature_version="s3v4",
                read_timeout=self._s3_read_seconds,
                s3={"addressing_style": "virtual", "us_east_1_regional_endpoint": "regional"},
            ),
        )

    @property
    def sqs(self) -> SQSClient:
        """Queues."""
        return cast("SQSClient", self._client("sqs"))

    @property
    def events(self) -> EventBridgeClient:
        """Event buses."""
        return cast("EventBridgeClient", self._client("events"))

    @property
    def batch(self) -> BatchClient:
        """Container jobs."""
        return cast("BatchClient", self._client("batch"))

    @property
    def batch_once(self) -> BatchClient:
        """The same, each call made once: a job that is submitted twice is two jobs."""
        return cast("BatchClient", self._client("batch", attempts=1))

    @property
    def secretsmanager(self) -> SecretsManagerClient:
        """Secrets."""
        return cast("SecretsManagerClient", self._client("secretsmanager"))

    def credentials_end(self, now: float) -> float | None:
        """When (Unix seconds) what these clients sign dies with the credentials; None: not known.

        A role's temporary credentials end after some hours, and a presigned URL with them. On
        Lambda they come as environment variables that don't say when.
        """
        with self._lock:
            credentials = self._opened().get_credentials()
        if credentials is None:
            return None
        credentials.get_frozen_credentials()  # renews those that end soon
        # The SDK keeps the end of a role's credentials to itself; without that attribute (keys that
        # don't end, a future SDK) it is not known.
        end = getattr(credentials, "_expiry_time", None)
        return None if end is None else max(now, end.timestamp())

    def _client(self, service: str, *, attempts: int | None = None, **config: Any) -> Any:
        key = (service, attempts)
        with self._lock:  # making clients is not thread-safe in boto3, using them is
            if key not in self._made:
                from botocore.config import Config

                settings = {
                    "connect_timeout": self._connect_seconds,
                    "read_timeout": self._read_seconds,
                    "retries": {
                        "mode": "standard",
                        "total_max_attempts": attempts or self._max_attempts,
                    },
                    **config,
                }
                made = self._opened().client(cast("Any", service), config=Config(**settings))
                require_whole_answers(made)
                self._made[key] = made
            return self._made[key]

    def _opened(self) -> Session:
        """One session for all clients, so that they share its credentials."""
        if self._session is None:
            import boto3

            self._session = boto3.Session()
        return self._session


def function_clients() -> AwsClients:
    """The clients of a function, which lives for seconds."""
    return AwsClients(
        read_seconds=FUNCTION_READ_SECONDS,
        s3_read_seconds=FUNCTION_S3_READ_SECONDS,
        max_attempts=FUNCTION_MAX_ATTEMPTS,
    )


def error_code(error: Exception) -> str:
    """The service's own code for what it refused (``ConditionalCheckFailedException``), or ""."""
    response = getattr(error, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""


@contextmanager
def translated(what: str) -> Iterator[None]:
    """Turn whatever the SDK raises into `Unavailable`; adapters take their own codes first.

    `what` names the service for people, as in "the job table".

    Raises:
        Unavailable: not retryable (code ``access_denied``) when the role may not do this.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        yield
    except ClientError as exc:
        code = error_code(exc)
        if code in _DENIED:
            msg = f"this deployment's role may not use {what} so ({code})"
            raise Unavailable(msg, code="access_denied", retryable=False) from exc
        raise Unavailable(f"{what} did not answer as it should ({code})") from exc
    except BotoCoreError as exc:
        raise Unavailable(f"{what} did not answer ({type(exc).__name__})") from exc
