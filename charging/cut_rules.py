"""Why a call that talks is ended by us, in the words that go into its record."""

from charging.policy import MeteringPolicy
from charging.state import Session
from charging.timing import talk_limit

NOT_HELD_IN_TIME = "what was held for the call was used up before more was"
"""Nobody refused more: the service, its store or Asterisk was away, or too slow."""


def cut_rule(session: Session, policy: MeteringPolicy) -> str | None:
    """Return the rule that sets a talking call's end as things stand; None where nothing does."""
    limit = talk_limit(session, policy)
    if limit is None:
        return None
    if session.barred is not None:
        return session.barred.rule
    longest_s = session.call.longest_call_s
    if longest_s is not None and limit.total_seconds() == longest_s:
        return f"a call may last {longest_s} s"
    return NOT_HELD_IN_TIME if session.denied is None else session.denied.rule
