"""What is measured is what docs/operations.md says."""

import re
from pathlib import Path

from agi.outcome import Outcome
from agi.server import MOST_CONNECTIONS as MOST_AGI_CONNECTIONS
from agi.server import MOST_FROM_ONE_ADDRESS
from ari_app.alerts import MOST_WAITING as MOST_ALERTS
from ari_app.ami import MOST_IN_FLIGHT as MOST_AMI_ACTIONS
from ari_app.client import MOST_IN_FLIGHT as MOST_ARI_REQUESTS
from ari_app.execute import MOST_REFUSALS
from ari_app.overload import MOST_CALLS, MOST_LAG_S, MOST_RECORDED
from ari_app.reports import MOST_WAITING as MOST_REPORTS
from ari_app.switchboard import ENDED_REMEMBERED
from ari_app.ungated import MOST_SUSPECTS
from store.store import Store
from store.writer import LONGEST_QUEUE, LONGEST_QUEUE_FOR_NEW
from tests.unit.ari_app.test_run import service
from tollgate.fastagi import agi_server
from tollgate.health import MOST_CONNECTIONS, HealthServer
from tollgate.health_outcome import Outcome as HealthOutcome
from tollgate.listen import ListenAddress
from tollgate.portal import MOST_CONNECTIONS as MOST_PORTAL_CONNECTIONS
from tollgate.portal import portal_of
from web.outcome import Outcome as PortalOutcome

PAGE = (Path(__file__).parents[3] / "docs" / "operations.md").read_text(encoding="utf-8")
BOUNDS: dict[str, str] = dict(re.findall(r"(?m)^\| `(\w+)` \| (.*?) \|", PAGE))


async def test_every_metric_is_documented_and_every_documented_one_is_there() -> None:
    tollgate = service()
    HealthServer(ListenAddress("127.0.0.1", 1), tollgate.readiness, tollgate.metrics)
    agi_server(tollgate, Store.in_memory())
    portal_of("", Store.in_memory(), tollgate.metrics)
    text = tollgate.metrics.text().decode()
    # Prometheus's client adds the moment at which a counter began to count.
    found = {name for name in re.findall(r"(?m)^# TYPE tollgate_(\w+) ", text) if not name.endswith("_created")}
    assert found == set(BOUNDS)


def test_documented_bounds_are_those_of_the_code() -> None:
    bounds = {
        "alerts_waiting": [MOST_ALERTS],
        "calls_live": [MOST_CALLS, MOST_RECORDED],
        "calls_remembered": [ENDED_REMEMBERED],
        "commands_under_way": [MOST_REFUSALS],
        "store_waiting": [LONGEST_QUEUE_FOR_NEW, LONGEST_QUEUE],
        "ari_requests": [MOST_ARI_REQUESTS],
        "ami_actions": [MOST_AMI_ACTIONS],
        "event_loop_lag_seconds": [int(MOST_LAG_S)],
        "ungated_suspects": [MOST_SUSPECTS],
        "reports_waiting": [MOST_REPORTS],
        "health_connections": [MOST_CONNECTIONS],
        "portal_connections": [MOST_PORTAL_CONNECTIONS],
        "agi_connections": [MOST_AGI_CONNECTIONS, MOST_FROM_ONE_ADDRESS],
    }
    for name, numbers in bounds.items():
        found = [int(number.replace(",", "")) for number in re.findall(r"[\d,]*\d", BOUNDS[name])]
        assert found[: len(numbers)] == numbers, name


def test_every_outcome_of_a_fastagi_session_is_documented() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `agi_sessions_total` |")]
    assert {f"`{outcome}`" for outcome in Outcome} <= set(re.findall(r"`\w+`", row))


def test_every_outcome_of_a_request_to_the_portal_is_documented() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `portal_requests_total` |")]
    assert {f"`{outcome}`" for outcome in PortalOutcome} <= set(re.findall(r"`\w+`", row))


def test_every_outcome_of_a_request_for_health_is_documented() -> None:
    [row] = [line for line in PAGE.splitlines() if line.startswith("| `health_requests_total` |")]
    assert {f"`{outcome}`" for outcome in HealthOutcome} <= set(re.findall(r"`\w+`", row))
