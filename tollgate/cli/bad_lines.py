"""A row of a file that cannot be used, as every import reports it."""

from dataclasses import dataclass

from tollgate.cli.output import Document


@dataclass(frozen=True, slots=True)
class BadLine:
    """Its line, its column (empty for the whole row), what stands there, and why it cannot be used."""

    line: int
    column: str
    value: str
    reason: str

    def cells(self) -> tuple[int, str, str, str]:
        """Return it as cells of a table."""
        value = self.value if self.value.isprintable() else repr(self.value)[1:-1]  # nothing that a terminal obeys
        return self.line, self.column, value, self.reason

    def document(self) -> Document:
        """Return it for JSON."""
        return {"line": self.line, "column": self.column, "value": self.value, "reason": self.reason}
