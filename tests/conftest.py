"""What holds for all tests: no example is judged by how long it took, whatever else the machine does meanwhile."""

from hypothesis import HealthCheck, settings

settings.register_profile("tollgate", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tollgate")
