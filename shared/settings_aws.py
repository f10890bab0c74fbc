"""The names that an AWS deployment gives its parts, as ``TAMLIL_AWS_<NAME>``.

`template.yaml` gives all of them to every function and to the container: they are no secrets, and
each role decides what may be done with them. Region and credentials are the SDK's own variables.
"""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.aws_names import AwsNames


class AwsSettings(BaseSettings):
    """Read when ``TAMLIL_PLATFORM`` is ``aws``.

    - bucket: where audio and transcripts live; read_buckets: others that ``storage_uri`` may name
    - read_prefix: how the keys there begin that a tenant may name, ``{tenant}`` being its name;
      ``*`` lets every tenant name everything there
    - queue_url, dead_letter_url: jobs that wait for a worker, and messages that failed too often
    - webhook_queue_url, webhook_dead_letter_url: events and due deliveries, as above
    - batch_queue, batch_definition: where workers run, and as what
    - deployment: tells this deployment's metrics and log lines from another's in the account
    - trace: whether the functions tell X-Ray of each call to a service; costs time at cold starts
    - secret_prefix: before the name of every secret in Secrets Manager, without slashes at its ends
    - kms_key: encrypts objects and secrets instead of the account's default key
    """

    model_config = SettingsConfigDict(env_prefix="TAMLIL_AWS_", extra="ignore", frozen=True)

    table: str
    bucket: str
    read_buckets: tuple[str, ...] = ()
    read_prefix: str = Field(
        default="{tenant}/", pattern=r"^(\*|((\{tenant\}|[A-Za-z0-9_.=-])+/)+)$"
    )
    queue_url: str
    dead_letter_url: str
    webhook_queue_url: str
    webhook_dead_letter_url: str
    event_bus: str
    batch_queue: str
    batch_definition: str
    deployment: str = Field(default="tamlil", pattern=r"^[A-Za-z0-9_.-]{1,128}$")
    trace: bool = False
    secret_prefix: str = Field(default="tamlil", pattern=r"^[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$")
    kms_key: str | None = None

    def names(self) -> AwsNames:
        """The same without pydantic."""
        return AwsNames(**self.model_dump())
