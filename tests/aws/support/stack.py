"""The whole deployment of a test session: cloud, stack, workers, and how to look at them."""

from __future__ import annotations

import json
import shlex
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from tests.aws.support.deploy import TEMPLATE, Deployed, deploy, translate, upload_code
from tests.aws.support.events import put_aws_event
from tests.aws.support.ministack import OWNER, Ministack, run_ministack
from tests.aws.support.programs import BUNDLES, ROOT, machine_environment, need
from tests.aws.support.workers import (
    PARAMETERS,
    PROGRAM,
    data_folder,
    machine_variables,
    make_role,
    register,
    template_parameters,
)
from tests.support.fake_batch import FakeBatch, fake_batch
from tests.support.fake_batch_jobs import ACCOUNT

#: What the functions and the workers get besides the template's: tests' servers are on loopback.
FUNCTION_VARIABLES = {"TAMLIL_ALLOW_LOOPBACK_URLS": "true"}
#: Models for a CPU; no dashboard and alarms, for ministack knows no alarms of metric math.
GIVEN = PARAMETERS | {"DefaultModel": "base", "Diarizer": "embedded", "Monitoring": "false"}


@dataclass(frozen=True, kw_only=True)
class Stack:
    """`job_role` is the ARN of the workers' role; `machine` is given to workers started next."""

    cloud: Ministack
    deployed: Deployed
    batch: FakeBatch
    job_role: str
    machine: dict[str, str]

    def role(self, logical_id: str) -> str:
        """A role's ARN."""
        return f"arn:aws:iam::{ACCOUNT}:role/{self.deployed.names[logical_id]}"

    def http(self, token: str | None = None) -> httpx.Client:
        """A client of the deployed HTTP API, with an API key if one is given.

        Nobody here resolves its host name: the address is ministack's, the name a header.
        """
        host = httpx.URL(self.deployed.outputs["ApiUrl"]).host
        return httpx.Client(
            base_url=self.cloud.url,
            headers={"Host": host} | ({} if token is None else {"X-API-Key": token}),
            verify=self.cloud.trust(),
            timeout=60,
        )

    def variables(self) -> dict[str, str]:
        """The environment of an operator's command line: an output says it, and whose keys."""
        line = self.deployed.outputs["CommandLine"].removeprefix("export ")
        ours = dict(part.split("=", 1) for part in shlex.split(line))
        return machine_environment() | self.cloud.variables(OWNER) | ours

    def log(self, logical_id: str) -> list[str]:
        """The lines that a function has written, oldest stream first."""
        logs, group = self.cloud.client("logs"), self.deployed.names[logical_id]
        pages = logs.get_paginator("filter_log_events").paginate(logGroupName=group)
        return [event["message"] for page in pages for event in page["events"]]

    def metrics(self, logical_id: str) -> list[dict[str, Any]]:
        """The metrics that a function has written into its log (CloudWatch's embedded format)."""
        lines = self.log(logical_id)
        return [json.loads(line[line.index("{") :]) for line in lines if '"_aws"' in line]


@contextmanager
def run_stack(
    folder: Path,
    *,
    variables: Mapping[str, str] | None = None,
    bundles: Path = BUNDLES,
    **more: Any,
) -> Iterator[Stack]:
    """Deploy the built bundles; everything is ended with the block."""
    need(bundles)
    clouds: list[Ministack] = []
    machine = {"PYTHONPATH": str(ROOT)}  # filled when the cloud runs

    def tell(event: Mapping[str, Any]) -> None:
        put_aws_event(clouds[0], event)

    with fake_batch(
        folder / "batch", program=PROGRAM, variables=machine, working_folder=ROOT,
        mounts={"/data": str(data_folder(folder))}, on_event=tell, **more,
    ) as batch:  # fmt: skip
        own = FUNCTION_VARIABLES | {"AWS_ENDPOINT_URL_BATCH": batch.url} | dict(variables or {})
        with run_ministack(folder / "ministack", own) as cloud:
            clouds.append(cloud)
            code = upload_code(cloud, bundles)
            deployed = deploy(cloud, translate(TEMPLATE, code), GIVEN)
            nested = template_parameters(deployed)
            role = make_role(cloud, nested)
            register(batch, nested)
            machine |= machine_variables(cloud, role)
            try:
                yield Stack(
                    cloud=cloud, deployed=deployed, batch=batch, job_role=role, machine=machine
                )
            finally:
                batch.close()
