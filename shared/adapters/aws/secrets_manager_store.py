"""Secrets in AWS Secrets Manager.

A name's versions in force are one secret, a JSON list with the newest first: Secrets Manager keeps
for good only what has a staging label, so its own versions can't hold them.

Secrets Manager has no conditional write either. What it has is a move of the label AWSCURRENT that
names the version which must hold it: `put` writes its list as a version beside the current one,
then moves the label from the version that it had read. Of two writers one finds it gone and begins
anew. Nothing is cached: a rotation or a leaked secret's removal counts at once, for what one call
costs ($0.05 for 10,000).
"""

from __future__ import annotations

import json
import random
import re
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from shared.adapters.aws.clients import AwsClients, error_code, translated
from shared.domain.errors import InvalidRequest, LimitExceeded, Unavailable

if TYPE_CHECKING:
    from types_boto3_secretsmanager import SecretsManagerClient

#: The label of versions that are to become the current one; a later one takes it over.
_CANDIDATE = "TAMLILCANDIDATE"
_MOST_BYTES = 64 << 10
_MOST_NAME = 512
_TRIES = 60
_LONGEST_WAIT_SECONDS = 0.5

#: AWSCURRENT is elsewhere, or the candidate has lost its label to a later one and is gone.
_NOT_MOVED = frozenset({"InvalidParameterException", "ResourceNotFoundException"})
_UNSAFE = re.compile(rb"[^A-Za-z0-9_.@/+-]")


@dataclass(frozen=True, kw_only=True, slots=True)
class _Current:
    version_id: str
    values: tuple[str, ...]


class _Deleted(Unavailable):
    """A person scheduled the secret for deletion: not to be made anew behind their back."""

    def __init__(self, full: str) -> None:
        super().__init__(
            f"the secret {full!r} is scheduled for deletion; restore it, or delete it for good"
            " (--force-delete-without-recovery)",
            code="secret_deleted",
            retryable=False,
        )


class _Unreadable(Unavailable):
    """Somebody else has written it, by hand perhaps. Its text is a secret and told nowhere."""

    def __init__(self, full: str) -> None:
        super().__init__(
            f"the secret {full!r} is none of Tamlil's: it should be a JSON list of texts,"
            " the newest first",
            code="secret_unreadable",
            retryable=False,
        )


class SecretsManagerStore:
    """`SecretStore` under `prefix`; `kms_key` encrypts new secrets instead of the account's key.

    Every method raises `Unavailable`, not retryable, with code ``secret_unreadable`` for a secret
    that is not of the form in which they are stored.
    """

    def __init__(
        self,
        clients: AwsClients,
        *,
        prefix: str,
        kms_key: str | None = None,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._clients = clients
        self._prefix = prefix
        self._kms_key = kms_key
        self._sleep = sleep

    def get(self, name: str) -> Sequence[str]:
        """All versions in force; none of a secret that was scheduled for deletion."""
        try:
            current = self._read(self._full(name))
        except _Deleted:
            current = None
        return () if current is None else current.values

    def put(self, name: str, value: str, *, keep: int = 2) -> None:
        """Add a newest version, keeping at most `keep` in all.

        Raises:
            InvalidRequest: `keep` is less than 1.
            LimitExceeded: over 64 KiB together.
            Unavailable: not retryable with code ``secret_deleted``: scheduled for deletion.
        """
        if keep < 1:
            raise InvalidRequest("keep must be at least 1", field="keep")
        full = self._full(name)
        for tried in range(_TRIES):
            current = self._read(full)
            if current is None:
                if self._create(full, value):
                    return
            elif self._replace(full, current, (value, *current.values)[:keep]):
                return
            self._wait(tried)
        raise Unavailable(f"the secret {full!r} is being changed by too many writers at once")

    def put_if_absent(self, name: str, value: str) -> str:
        """Add a first version unless there is one; of two callers the second reads the first's.

        Raises:
            Unavailable: not retryable with code ``secret_deleted``: scheduled for deletion.
        """
        full = self._full(name)
        for tried in range(_TRIES):
            current = self._read(full)
            if current is not None:
                return current.values[0]
            if self._create(full, value):
                return value
            self._wait(tried)
        raise Unavailable(f"the secret {full!r} is neither there nor absent")

    def _read(self, full: str) -> _Current | None:
        from botocore.exceptions import ClientError

        with translated("the secrets"):
            try:
                answer = self._secrets.get_secret_value(SecretId=full, VersionStage="AWSCURRENT")
            except ClientError as exc:
                if error_code(exc) == "ResourceNotFoundException":
                    return None
                if _deleted(exc):
                    raise _Deleted(full) from exc
                raise
        return _Current(version_id=answer["VersionId"], values=_values(full, answer))

    def _create(self, full: str, value: str) -> bool:
        """Whether this call made the secret."""
        from botocore.exceptions import ClientError

        more: Any = {} if self._kms_key is None else {"KmsKeyId": self._kms_key}
        with translated("the secrets"):
            try:
                self._secrets.create_secret(
                    Name=full,
                    SecretString=_document((value,)),
                    ClientRequestToken=str(uuid.uuid4()),
                    Description="Written by Tamlil",
                    **more,
                )
            except ClientError as exc:
                if error_code(exc) == "ResourceExistsException":
                    return False
                if _deleted(exc):
                    raise _Deleted(full) from exc
                raise
        return True

    def _replace(self, full: str, current: _Current, values: tuple[str, ...]) -> bool:
        """Whether `values` took the place of what was read."""
        from botocore.exceptions import ClientError

        candidate = str(uuid.uuid4())
        with translated("the secrets"):
            self._secrets.put_secret_value(
                SecretId=full,
                SecretString=_document(values),
                ClientRequestToken=candidate,
                VersionStages=[_CANDIDATE],
            )
            try:
                self._secrets.update_secret_version_stage(
                    SecretId=full,
                    VersionStage="AWSCURRENT",
                    MoveToVersionId=candidate,
                    RemoveFromVersionId=current.version_id,
                )
            except ClientError as exc:
                if error_code(exc) not in _NOT_MOVED:
                    raise
                # Somebody was first; or the answer to a move that was done got lost on the way.
                found = self._read(full)
                return found is not None and found.version_id == candidate
        return True

    def _full(self, name: str) -> str:
        """The secret's name: what Secrets Manager does not allow in one is written ``=HH``."""
        safe = _UNSAFE.sub(lambda match: b"=%02X" % match[0][0], name.encode()).decode()
        full = f"{self._prefix}/{safe}"
        if not name or len(full) > _MOST_NAME:
            raise InvalidRequest(
                f"a secret's name has 1 to {_MOST_NAME} characters, prefix and all", field="name"
            )
        return full

    def _wait(self, tried: int) -> None:
        longest = min(_LONGEST_WAIT_SECONDS, 0.01 * 2**tried)
        self._sleep(random.uniform(0, longest))  # noqa: S311 - jitter

    @property
    def _secrets(self) -> SecretsManagerClient:
        return self._clients.secretsmanager


def _values(full: str, answer: Mapping[str, Any]) -> tuple[str, ...]:
    try:
        values = json.loads(answer["SecretString"])
    except (KeyError, ValueError):  # binary, or no JSON
        raise _Unreadable(full) from None  # the error holds the text
    if not (isinstance(values, list) and values and all(isinstance(one, str) for one in values)):
        raise _Unreadable(full)
    return tuple(values)


def _document(values: tuple[str, ...]) -> str:
    document = json.dumps(values)
    if len(document.encode()) > _MOST_BYTES:
        raise LimitExceeded(
            f"a secret's versions are {len(document)} bytes; Secrets Manager takes {_MOST_BYTES}"
        )
    return document


def _deleted(error: Exception) -> bool:
    """Secrets Manager has one code for all states; the message says that it is to be deleted."""
    return error_code(error) == "InvalidRequestException" and "delet" in str(error).lower()
