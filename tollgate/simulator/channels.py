"""A channel of the simulated Asterisk, and what is true of it whoever knows it."""

import asyncio
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from dialplan.contract import ANSWERED_VARIABLE, LEG_VARIABLE

if TYPE_CHECKING:
    from tollgate.simulator.beside import InboundCall, UngatedCall
    from tollgate.simulator.placed_call import PlacedCall


@dataclass(slots=True, eq=False)
class Channel:
    """A caller or a trunk leg. Moments are true ones, in milliseconds."""

    channel_id: str
    name: str
    context: str
    state: str = "Ring"
    leg_variable: str = ""
    answered_variable: str = ""
    trunk: str = ""
    """The carrier's endpoint; "" for a caller."""
    call: "PlacedCall | UngatedCall | InboundCall | None" = None
    """Whose channel it is."""
    application: str = ""
    application_data: str = ""
    """What it runs."""
    variables: dict[str, str] = field(default_factory=dict)
    in_application: bool = False
    watched: bool = False
    """Whether the application has subscribed to it."""
    deadline_s: float | None = None
    """When its TIMEOUT(absolute) fires, in the loop's time."""
    wanted_s: float = 0.0
    """When it was to fire as it was set."""
    deadline: asyncio.TimerHandle | None = None
    is_deadline_late: bool = False
    """Whether the clock was set back since it was set, and not forward by as much."""
    mended_at: datetime | None = None
    """When a late one was set anew, or the clock right."""
    has_handler: bool = False
    cdr_answered_at: datetime | None = None
    """When Asterisk's CDR has it answered: one that is transferred begins a CDR then."""
    refuses_hangups: int = 0
    """So many DELETEs fail before one succeeds."""
    # --- the truth -------------------------------------------------------------------------------------------
    answered_at: datetime | None = None
    ended_at: datetime | None = None
    ended_by: str = ""
    is_told: bool = False
    """A living service was told of it, by any event or in a list of channels."""
    up_told: bool = False
    """A living service was told of the answer, by its event or in a list of channels."""
    end_told: bool = False
    """A living service was told of the end by its event."""
    record_key: str = ""
    """Where its hang-up handler left a record; "" where it did not, or where that was lost."""

    @property
    def is_leg(self) -> bool:
        """Whether it is a leg towards a carrier."""
        return bool(self.trunk)

    @property
    def lives(self) -> bool:
        """Whether it is still there."""
        return self.ended_at is None

    def document(self) -> dict[str, Any]:
        """Return the channel as ARI shows it."""
        return {
            "id": self.channel_id,
            "name": self.name,
            "state": self.state,
            "channelvars": {LEG_VARIABLE: self.leg_variable, ANSWERED_VARIABLE: self.answered_variable},
            "dialplan": {
                "context": self.context,
                "app_name": self.application,
                "app_data": self.application_data,
            },
        }
