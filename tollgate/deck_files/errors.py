"""What is wrong with a file of prices as a file."""


class DeckFileError(Exception):
    """A file that holds no rows we can read; the message says what to do after its last semicolon."""
