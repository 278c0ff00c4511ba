"""The only SQL of the project: schema, ledger operations, the SQLite writer, reads and ``verify``.

Writing goes through *operations* (``store.operation``): generators that yield statements and hold no
connection. ``store.store.Store`` is the facade that the service and the command line share.
"""
