"""Pure rating: dialled digits to a number, a destination class and a price.

Nothing here does I/O, reads a clock or keeps state between calls.
"""
