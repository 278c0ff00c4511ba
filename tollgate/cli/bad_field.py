"""A field of an account or an extension that cannot be used, wherever it was written."""

from tollgate.cli.errors import BadInputError

_OPTIONS = {"extension": "extension", "longest_call_s": "--longest-call"}
"""Fields that are no option, or not one of the same name with dashes."""


class BadFieldError(BadInputError):
    """The ``field`` is the name of the CSV column; the error names the option, :meth:`in_column` the column."""

    def __init__(self, field: str, what: str, hint: str) -> None:
        option = _OPTIONS.get(field) or f"--{field.replace('_', '-')}"
        super().__init__(f"{option}: {what}", hint)
        self.field = field
        self._what = what

    def in_column(self, title: str) -> str:
        """Say it of a cell in the column of this title."""
        return f"{title}: {self._what}; {self.hint}"
