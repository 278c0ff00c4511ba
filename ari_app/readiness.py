"""Whether the service is ready for every kind of call, part by part."""

from dataclasses import dataclass, fields


@dataclass(frozen=True, slots=True, kw_only=True)
class Readiness:
    """What a paid call needs; each part is there or not."""

    ari: bool
    """Asterisk sends its events, and takes requests."""
    ami: bool
    """Deadlines can be set."""
    store: bool
    """The store takes writes."""
    catalog: bool
    """Extensions, plans and prices are loaded."""
    compared: bool
    """What lives in Asterisk has been compared with what is open in the store."""

    @property
    def lacking(self) -> tuple[str, ...]:
        """The names of the parts that are not there."""
        return tuple(part.name for part in fields(self) if not getattr(self, part.name))
