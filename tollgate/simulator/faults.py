"""How often what goes wrong: one number for each opportunity, scaled by how rough an episode is.

Opportunities are counted, not time: each event, request and commit is one. So a fault may come between any two steps,
and an episode of many calls has many of each kind.
"""

from dataclasses import dataclass, fields, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """Probabilities, each of one opportunity."""

    # An event on its way from Asterisk.
    event_lost: float = 0.002
    event_repeated: float = 0.02
    event_late: float = 0.002
    """It comes up to some seconds late, others overtake it."""
    # A request over ARI or AMI.
    request_failed: float = 0.002
    """It did not arrive, or Asterisk answered with an error."""
    answer_lost: float = 0.002
    """It was carried out, and nobody heard of it."""
    request_slow: float = 0.002
    hangups_fail: float = 0.003
    """DELETE of this channel fails several times."""
    setvar_ignored: float = 0.004
    """Setvar answers Success and does nothing."""
    # A request to the store.
    store_refused: float = 0.001
    store_answer_lost: float = 0.001
    store_slow: float = 0.001
    """It takes seconds: whoever asked has given up when it is done."""
    killed_before_commit: float = 0.0005
    killed_after_commit: float = 0.0007
    # A call.
    service_killed: float = 0.0016
    service_stopped: float = 0.0004
    node_silent: float = 0.0008
    """The service is killed, and stays away until others have charged its calls."""
    second_instance: float = 0.0024
    """Another service is started under the same application name."""
    asterisk_killed: float = 0.0004
    asterisk_stopped: float = 0.0004
    ari_cut: float = 0.0016
    ami_cut: float = 0.0016
    store_away: float = 0.0008
    clock_set: float = 0.0012
    """A machine's clock is set, by an hour or by seconds."""

    def times(self, factor: float) -> "FaultRates":
        """Return the rates of rougher or calmer weather."""
        return replace(self, **{each.name: getattr(self, each.name) * factor for each in fields(self)})


NO_FAULTS = FaultRates().times(0.0)
USUAL = FaultRates()
WEATHERS = (0.0, 1.0, 1.0, 4.0)
"""An episode's factor is one of these: some episodes are without faults, since what must hold then is more."""
