"""``python -m iac.aws.monitoring``: write iac/aws/monitoring.yaml anew."""

from __future__ import annotations

from pathlib import Path

from iac.aws.monitoring.template import HEADER, template
from iac.aws.monitoring.texts import yaml_text

FILE = Path(__file__).resolve().parents[1] / "monitoring.yaml"


def text() -> str:
    """What the file holds."""
    return HEADER + yaml_text(template())


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
