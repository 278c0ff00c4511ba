"""What else goes over the trunks of a node: legs that never passed the gate, and calls that come in.

They are as ``ari_app/ungated_leg.py`` says they were measured: a leg that a phone's own dialplan dials (AppDial, linked
to the phone's channel), one that something originated (AppDial2, behind which nobody is), and an inbound call (Ring).
"""

from dataclasses import dataclass
from typing import TYPE_CHECKING

from dialplan.contract import ungated_call_id
from tollgate.simulator.channels import Channel

if TYPE_CHECKING:
    from tollgate.simulator.pbx import Pbx

NORMAL, NO_ANSWER = 16, 19
DIALLED_AFTER_S = (0.001, 0.005)
DOOR = "PJSIP/door"
"""What dials past the gate and is no extension."""
LEFT_ALONE = "inbound and included calls are left alone"
NEVER_CUT = "emergency never cut"


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideScript:
    """One call beside the gate as its people mean it."""

    endpoint: str
    """The phone whose own dialplan dials; "" where something originates the leg."""
    dialled: str
    """As the trunk is given it; "" of a call that comes in."""
    trunk: str
    ring_s: float
    talk_s: float | None
    """None where nobody answers."""


class InboundCall:
    """A call that comes in on a trunk."""

    def __init__(self, pbx: "Pbx", script: BesideScript) -> None:
        """Have the carrier's call come."""
        self._pbx = pbx
        self._script = script
        self.leg = pbx.new_channel(f"PJSIP/{script.trunk}", context="from-carrier", trunk=script.trunk, call=self)
        self.leg.state, self.leg.application = "Ring", "Dial"
        self.call_id = self.ungated_id
        pbx.world.trace.note("comes in", self.call_id, script.trunk)
        pbx.tell_created(self.leg)
        pbx.world.later(script.ring_s, self._is_answered)

    @property
    def ungated_id(self) -> str:
        """The id of the call that it would be, were it taken for one that never passed the gate."""
        return ungated_call_id(self._pbx.node, self.leg.channel_id)

    def cut_breaks(self, _in_s: float = 0.0) -> str:
        """Return the invariant that does not hold where the service cuts it."""
        return LEFT_ALONE

    def _is_answered(self) -> None:
        if self.leg.lives and self._script.talk_s is not None:
            self._pbx.answer(self.leg)
        self._pbx.world.later(self._script.talk_s or 0.0, self._hangs_up)

    def _hangs_up(self) -> None:
        if self.leg.lives:
            self._pbx.tell_hangup(self.leg, soft=False)
            self._pbx.end(self.leg, NORMAL, "far end")

    def ended(self, channel: Channel) -> None:
        """Go on after the end of a channel: nothing follows."""


class UngatedCall:
    """A leg on a trunk that never passed the gate, and the phone that dials it, where there is one."""

    def __init__(self, pbx: "Pbx", script: BesideScript) -> None:
        """Have it dialled."""
        self._pbx = pbx
        self.script = script
        self.caller = self._new_caller() if script.endpoint else None
        self.leg = pbx.new_channel(f"PJSIP/{script.trunk}", context="from-carrier", trunk=script.trunk, call=self)
        self.leg.application = "AppDial" if self.caller is not None else "AppDial2"
        self.call_id = ungated_call_id(pbx.node, self.leg.channel_id)
        self.placed_at = pbx.world.now()
        pbx.world.trace.note("dials ungated", self.call_id, f"{script.endpoint} {script.dialled}")
        pbx.tell_created(self.leg)
        pbx.world.later(pbx.world.between(*DIALLED_AFTER_S), self._is_dialled)
        pbx.world.later(script.ring_s, self._is_answered)

    def _new_caller(self) -> Channel:
        caller = self._pbx.new_channel(self.script.endpoint, context="from-doors", call=self)
        caller.application, caller.application_data = "Dial", f"PJSIP/{self.target},60"
        return caller

    @property
    def target(self) -> str:
        """The dial string."""
        return f"{self.script.dialled}@{self.script.trunk}"

    @property
    def is_emergency(self) -> bool:
        """Whether it rings an emergency service."""
        return self.script.dialled in self._pbx.emergency_numbers

    @property
    def pays(self) -> bool:
        """Whether an extension is behind it."""
        return self.script.endpoint not in {"", DOOR}

    def cut_breaks(self, _in_s: float = 0.0) -> str:
        """Return the invariant that does not hold where the service cuts it; "" where it may."""
        return NEVER_CUT if self.is_emergency else ""

    def was_served_since_placed(self) -> bool:
        """Whether its node's service has been connected all the time since it was dialled."""
        return self._pbx.has_served_since(self.placed_at)

    def _is_dialled(self) -> None:
        if self.leg.lives:
            self._pbx.tell_dialled(self.leg, self.target)
            self.leg.state = "Ringing"
            self._pbx.tell_state(self.leg)

    def _is_answered(self) -> None:
        if not self.leg.lives:
            return
        if self.script.talk_s is None:
            self._pbx.end(self.leg, NO_ANSWER, "nobody answered")
            return
        self._pbx.answer(self.leg)
        self._pbx.world.later(self.script.talk_s, self._hangs_up)

    def _hangs_up(self) -> None:
        if self.leg.lives:
            self._pbx.tell_hangup(self.leg, soft=False)
            self._pbx.end(self.leg, NORMAL, "far end")

    def ended(self, channel: Channel) -> None:
        """Go on after the end of a channel: the other one ends with it."""
        other = self.caller if channel is self.leg else self.leg
        if other is not None and other.lives:
            self._pbx.end(other, NORMAL, "other side")
