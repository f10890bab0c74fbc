from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.local.subprocess_launcher import SubprocessLauncher
from shared.domain.errors import Unavailable
from shared.ports.platform import Limits
from shared.settings import environment
from shared.wiring import common, load
from shared.wiring.local import open_local
from tests.support.clock import FakeClock, SequentialIds
from tests.support.platform import RecordingLauncher, make_deployment, make_settings


def test_every_setting_that_a_service_obeys_reaches_the_platform(tmp_path: Path) -> None:
    given: dict[str, Any] = {
        "lease_seconds": 1.5, "redispatch_seconds": 2.5, "outbox_retry_seconds": 3.5,
        "retry_backoff_seconds": 4.5, "max_workers": 5, "max_attempts": 6, "max_launches": 7,
        "max_source_bytes": 8, "max_blob_bytes": 9, "max_multipart_bytes": 10,
        "upload_seconds": 11.0, "download_seconds": 12.0, "inline_result_bytes": 13,
        "inline_transcript_bytes": 14, "default_model": "tiny.en", "diarizer": "pyannote",
        "language_models": {"he": "ivrit-he-turbo"}, "translate_model": "base",
        "models_available": ("tiny.en", "base"),
        "retention_seconds": 15.0, "rate_limit": 16, "rate_window_seconds": 17.0,
        "rate_burst": 18, "webhook_schedule": (0.0, 1.0, 2.0), "webhook_timeout_seconds": 19.0,
        "webhook_legacy_secret": "s", "webhook_vercel_bypass": "v", "webhook_inline_bytes": 20,
        "allow_loopback_urls": True, "allow_private_networks": ("10.0.0.0/8",),
    }  # fmt: skip
    with make_deployment(tmp_path, **given) as deployment:
        platform = deployment.platform
        timing, limits, hooks = platform.timing, platform.limits, platform.webhooks
        found = {
            "lease_seconds": timing.lease_seconds,
            "redispatch_seconds": timing.redispatch_seconds,
            "outbox_retry_seconds": timing.outbox_retry_seconds,
            "retry_backoff_seconds": timing.retry_backoff_seconds,
            "max_workers": limits.max_workers,
            "max_attempts": limits.max_attempts,
            "max_launches": limits.max_launches,
            "max_source_bytes": limits.max_source_bytes,
            "max_blob_bytes": limits.max_blob_bytes,
            "max_multipart_bytes": limits.max_multipart_bytes,
            "upload_seconds": limits.upload_seconds,
            "download_seconds": limits.download_seconds,
            "inline_result_bytes": limits.inline_result_bytes,
            "inline_transcript_bytes": limits.inline_transcript_bytes,
            "default_model": limits.models.default,
            "language_models": limits.models.by_language,
            "translate_model": limits.models.translate,
            "models_available": limits.models.available,
            "diarizer": limits.default_diarizer,
            "retention_seconds": limits.retention_seconds,
            "rate_limit": limits.rate.limit,
            "rate_window_seconds": limits.rate.window_seconds,
            "rate_burst": limits.rate.burst,
            "webhook_schedule": hooks.schedule,
            "webhook_timeout_seconds": hooks.timeout_seconds,
            "webhook_legacy_secret": hooks.legacy_secret,
            "webhook_vercel_bypass": hooks.vercel_bypass,
            "webhook_inline_bytes": hooks.inline_transcript_bytes,
            "allow_loopback_urls": hooks.allow_loopback,
            "allow_private_networks": hooks.allow_private_networks,
        }
    assert found == given


def test_limits_that_nobody_sets_are_the_settings_defaults(tmp_path: Path) -> None:
    found = common.limits(make_settings(tmp_path))
    assert replace(found, models=Limits().models) == Limits()


def test_what_is_passed_in_replaces_the_real_part(tmp_path: Path) -> None:
    clock, ids, launcher = FakeClock(), SequentialIds(), RecordingLauncher()
    with make_deployment(tmp_path, clock=clock, ids=ids, launcher=launcher) as deployment:
        platform = deployment.platform
        assert (platform.clock, platform.ids, platform.launcher) == (clock, ids, launcher)


def test_by_itself_it_starts_real_processes(tmp_path: Path) -> None:
    deployment = open_local(make_settings(tmp_path))
    try:
        assert isinstance(deployment.platform.launcher, SubprocessLauncher)
        assert deployment.platform.launcher.active() == frozenset()
    finally:
        deployment.close()


def test_a_signed_url_is_still_good_after_a_restart(tmp_path: Path) -> None:
    """The key is made once and kept; a restart must not cut off the uploads in progress."""
    clock = FakeClock()
    with make_deployment(tmp_path, clock=clock) as first:
        url = first.platform.blobs.sign_download("a/b", expires_in=60)
    with make_deployment(tmp_path, clock=clock) as second:
        assert second.platform.blobs.sign_download("a/b", expires_in=60) == url


def test_another_deployment_signs_with_another_key(tmp_path: Path) -> None:
    clock, urls = FakeClock(), set()
    for name in ("one", "two"):
        with make_deployment(tmp_path / name, clock=clock) as deployment:
            urls.add(deployment.platform.blobs.sign_download("a/b", expires_in=60))
    assert len(urls) == 2


def test_signed_urls_lead_to_the_public_address(tmp_path: Path) -> None:
    with make_deployment(tmp_path, public_url="https://tamlil.example.com") as deployment:
        url = deployment.platform.blobs.sign_download("a/b", expires_in=60)
    assert url.startswith("https://tamlil.example.com/")


def test_after_the_block_the_platform_is_closed(tmp_path: Path) -> None:
    with load(make_settings(tmp_path)) as platform:
        assert sum(platform.jobs.counts().values()) == 0
    with pytest.raises(Unavailable):
        platform.jobs.counts()


def test_a_block_that_fails_closes_too(tmp_path: Path) -> None:
    def fail() -> None:
        with load(make_settings(tmp_path)) as platform:
            kept.append(platform)
            raise RuntimeError

    kept: list[object] = []
    with pytest.raises(RuntimeError):
        fail()
    assert len(kept) == 1
    with load(make_settings(tmp_path)) as again:
        assert sum(again.jobs.counts().values()) == 0


def test_the_environment_names_the_data_folder(tmp_path: Path) -> None:
    assert environment(make_settings(tmp_path))["TAMLIL_DATA_DIR"] == str(tmp_path)
