"""What cannot be imported at all, as opposed to a bad row, which is a value."""

from rating.errors import RatingError


class DeckImportError(RatingError):
    """A file or an option that prices cannot be read by; the message says what was found and what to do."""


class CellError(DeckImportError):
    """A cell that cannot be used; readers of rows turn it into a bad row and go on."""

    def __init__(self, column: int | None, value: str, reason: str) -> None:
        super().__init__(reason)
        self.column = column
        """Its index in the row; None for the whole row."""
        self.value = value
        self.reason = reason
