"""Settings of the tests: time is measured in benchmarks, so no property test fails for being slow."""

from hypothesis import settings

settings.register_profile("house", deadline=None)
settings.load_profile("house")
