"""A field of an account or an extension that cannot be used, wherever it was written."""

from tollgate.cli.errors import BadInputError


class BadFieldError(BadInputError):
    """The ``field`` is the name of the CSV column; an option has the same with dashes."""

    def __init__(self, field: str, error: str, hint: str) -> None:
        super().__init__(error, hint)
        self.field = field
