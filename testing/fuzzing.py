"""Profiles of hypothesis: the same examples in each run of `make test`; others, and many, with `--hypothesis-profile soak`."""

from __future__ import annotations

from hypothesis import HealthCheck, settings


def register_profiles() -> None:
    """Registers `steady`, which holds from now on, and `soak`."""
    settings.register_profile("steady", derandomize=True)
    # Said, for a profile takes what it does not say from the one that holds: with two conftests, `steady`.
    settings.register_profile("soak", derandomize=False, max_examples=3000, print_blob=True)
    settings.load_profile("steady")


def costly(steadily: int = 15, part: int = 1) -> settings:
    """For tests of which each example is a whole read: `steadily` examples in `make test`, a `part` of all in `make soak`."""
    profile = settings()
    return settings(
        deadline=None,
        max_examples=steadily if profile.derandomize else profile.max_examples // part,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large],
    )
