"""The root of this package's errors; each message says what to do."""


class OfficeError(Exception):
    """The office cannot be prepared, started or used."""
