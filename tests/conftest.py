"""What holds for all tests."""

from __future__ import annotations

import importlib.util

if importlib.util.find_spec("hypothesis"):  # the environment of tests/pyannote has none
    from hypothesis import HealthCheck, settings

    # A slow example says that the machine is busy, nothing of the code: `bench/` measures. Where
    # `CI` is set, the library's own profile is like this too, with the same examples each time.
    settings.register_profile(
        "tamlil", settings.default, deadline=None, suppress_health_check=[HealthCheck.too_slow]
    )
    settings.load_profile("tamlil")
