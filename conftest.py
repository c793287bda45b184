"""For all tests."""

from hypothesis import HealthCheck, settings

# How long an example takes is the machine's business: a busy one is slow, not wrong.
settings.register_profile("aegis", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("aegis")
