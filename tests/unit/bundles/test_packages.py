from __future__ import annotations

import pytest

from iac.aws.bundles.build import ROOT
from iac.aws.bundles.packages import RUNTIME, closure, distributions
from iac.aws.bundles.pythons import find_python
from iac.aws.bundles.reach import BundleError

LOCK = ROOT / "uv.lock"


def test_a_module_is_found_by_its_distribution_and_the_runtimes_own_are_left_out() -> None:
    found = distributions(["ulid", "pydantic_settings", "boto3", "botocore", "docx", "fastapi"])
    assert found == {"python-ulid", "pydantic-settings", "fastapi", "python-multipart"}


def test_what_a_distribution_needs_comes_with_it_but_for_what_the_runtime_has() -> None:
    found = closure(LOCK, ["aws-lambda-powertools", "httpx"], without=RUNTIME)
    assert {"aws-xray-sdk", "wrapt", "httpcore", "h11", "certifi"} <= found
    assert found & RUNTIME == set()


def test_a_package_that_is_not_locked_is_refused() -> None:
    with pytest.raises(BundleError, match="no-such-thing"):
        closure(LOCK, ["no-such-thing"])


def test_a_missing_python_is_named_and_how_to_get_it() -> None:
    with pytest.raises(BundleError, match=r"no Python 3\.2 .* `uv python install 3\.2`"):
        find_python("3.2")
