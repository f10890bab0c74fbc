"""Built bundles given events, as Lambda's runtime client gives them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.support.aws_stage import AwsStage
from tests.support.bundles import Bundles
from tests.support.lambda_process import LambdaProcess
from tests.support.runtime_api import Answer


class Run:
    """Starts a function's process and gives it events, one after another."""

    def __init__(self, bundles: Bundles, stage: AwsStage, folder: Path) -> None:
        self._bundles, self._stage, self._folder = bundles, stage, folder

    def __call__(self, name: str, *events: Any) -> list[Answer]:
        with self.process(name) as process:
            return [process.invoke(event) for event in events]

    def process(self, name: str) -> LambdaProcess:
        return LambdaProcess(
            bundle=self._bundles.function(f"{name.title()}Function"),
            handler=f"functions.{name}.app.handler",
            runtime=self._bundles.runtime(),
            env=self._stage.environment,
            log=self._folder / f"{name}.log",
        )

    def log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text(encoding="utf-8")
