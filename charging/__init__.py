"""Pure charging: the life of one call as events in, commands and a finished CDR out.

Nothing here does I/O, reads a clock or knows Asterisk, SQL or an event loop.
"""
