"""What the service counts and measures, for Prometheus. One set for each service; nothing here is global.

Names follow Prometheus's conventions (prometheus.io/docs/practices/naming): base units, ``_total`` on counters. Labels
have few values; a number dialled or a call's id is never one.
"""

from collections.abc import Callable, Iterable
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge, generate_latest
from prometheus_client.core import CounterMetricFamily, Metric
from prometheus_client.registry import Collector

_PREFIX: Final = "tollgate"


class Metrics:
    """The counters and gauges of one service."""

    def __init__(self) -> None:
        """Begin at zero."""
        self.registry = CollectorRegistry()
        self.verdicts = self._counter("gate_verdicts", "Callers judged at the gate", "verdict", "reason")
        self.records = self._counter("call_records", "Call detail records written", "disposition", "end_source")
        self.alerts = self._counter("alerts", "Alerts raised", "kind")
        self.ari_messages = self._counter("ari_messages", "Messages read from ARI, by what became of them", "outcome")
        self.ami_messages = self._counter("ami_messages", "Messages from AMI that were of no use", "outcome")
        self.agi_sessions = self._counter("agi_sessions", "FastAGI sessions, by what became of them", "outcome")
        self.portal_requests = self._counter(
            "portal_requests", "The portal's requests, by what became of them", "outcome"
        )
        self.health_requests = self._counter(
            "health_requests", "Requests for health and metrics, by what became of them", "outcome"
        )
        self.failures = self._counter("failures", "What was asked of a neighbour and failed", "neighbour", "what")
        self.connections = self._counter("connections", "Connections made to Asterisk", "neighbour")
        self.dropped = self._counter("dropped", "What a full queue turned away", "queue")

    def gauge(self, name: str, help_text: str, measure: Callable[[], float]) -> None:
        """Have ``measure`` asked for a gauge's value at each look."""
        Gauge(f"{_PREFIX}_{name}", help_text, registry=self.registry).set_function(measure)

    def total(self, name: str, help_text: str, measure: Callable[[], float]) -> None:
        """Have ``measure`` asked at each look for what somebody else counts."""
        self.registry.register(_Total(f"{_PREFIX}_{name}", help_text, measure))

    def text(self) -> bytes:
        """Return all of it in Prometheus's text form."""
        return generate_latest(self.registry)

    def _counter(self, name: str, help_text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", help_text, labels, registry=self.registry)


class _Total(Collector):
    """A counter whose value is kept elsewhere."""

    def __init__(self, name: str, help_text: str, measure: Callable[[], float]) -> None:
        self._name = name
        self._help_text = help_text
        self._measure = measure

    def describe(self) -> Iterable[Metric]:
        """Return the counter without asking for its value."""
        return [CounterMetricFamily(self._name, self._help_text)]

    def collect(self) -> Iterable[Metric]:
        """Return the counter as it is."""
        return [CounterMetricFamily(self._name, self._help_text, value=self._measure())]
