"""What is measured of the running service: its queues, its connections, how late it is. docs/operations.md lists it."""

from collections.abc import Callable

from ari_app.ami import AmiAdapter
from ari_app.client import AriClient
from ari_app.execute import CommandExecutor
from ari_app.metrics import Metrics
from ari_app.nodes import NodeKeeper
from ari_app.overload import LoopLag
from ari_app.switchboard import Switchboard
from store.store import Store


def measure_calls(metrics: Metrics, switchboard: Switchboard, executor: CommandExecutor, nodes: NodeKeeper) -> None:
    """Have the calls measured, and what is done for them."""
    metrics.gauge("calls_live", "Calls that are not over, or whose record is not written yet", switchboard.count)
    metrics.gauge("calls_remembered", "Calls that ended lately and are remembered", switchboard.count_ended)
    metrics.gauge("commands_under_way", "Commands of calls being carried out", lambda: executor.under_way)
    metrics.gauge("settlements_retrying", "Records the store did not take yet", lambda: executor.settlements_retrying)
    metrics.total("lost_calls_charged", "Lost calls charged what they held", lambda: nodes.charged_calls)


def measure_store(metrics: Metrics, store: Store, is_up: Callable[[], bool]) -> None:
    """Have the store's writer measured."""
    metrics.gauge("store_up", "Whether the store takes writes", is_up)
    metrics.gauge("store_waiting", "Requests that wait for the store's writer", lambda: store.writer_stats().waiting)
    metrics.total("store_commits", "Transactions of the store's writer", lambda: store.writer_stats().commits)
    metrics.total("store_requests", "Requests the store's writer answered", lambda: store.writer_stats().requests)


def measure_lines(metrics: Metrics, ari: Callable[[], AriClient | None], ami: AmiAdapter) -> None:
    """Have the connections to Asterisk measured."""

    def in_flight() -> int:
        client = ari()
        return 0 if client is None else client.in_flight

    metrics.gauge("ari_up", "Whether ARI is connected", lambda: ari() is not None)
    metrics.gauge("ari_requests", "Requests to ARI without an answer yet", in_flight)
    metrics.gauge("ami_up", "Whether AMI is connected", lambda: ami.connected)
    metrics.gauge("ami_actions", "Actions of AMI without an answer yet", lambda: ami.in_flight)


def measure_state(metrics: Metrics, switchboard: Switchboard, lag: LoopLag, catalog_age_s: Callable[[], float]) -> None:
    """Have measured what the service knows, and how late it is."""
    metrics.gauge(
        "catalog_version", "Version of the catalog in memory, -1 before one", lambda: switchboard.catalog.version
    )
    metrics.gauge("catalog_age_seconds", "Since the catalog was last found current", catalog_age_s)
    metrics.gauge("event_loop_lag_seconds", "How late the event loop ran what was due", lambda: lag.newest_s)
