"""A deterministic simulator: real service, real ledger, virtual time, simulated Asterisk, faults between all steps.

What is real: the whole of :class:`ari_app.run.Service` with everything below it (gate, sessions, executor, reconciler,
node keeper, reconnects), the housekeeping of funds, every operation and every read of the store, on a database in
memory. What is simulated: time and the event loop (:mod:`tollgate.simulator.loop`), Asterisk (:mod:`~.pbx`), the
lines to it and to the store, which fail (:mod:`~.ari_line`, :mod:`~.ami_line`, :mod:`~.store_line`), processes that are
killed and started again (:mod:`~.node`), the machines' clocks, which are set (:mod:`~.wall_clock`), and the people:
callers, carriers, an administrator (:mod:`~.traffic`, :mod:`~.office`).

What of the real service is not in it: sockets, HTTP and JSON text (events are the dictionaries that JSON gives), the
writers' threads and group commit, and PostgreSQL, whose operations have the same source.

Everything that happens follows from one seed. :mod:`~.books` checks the money after each commit, :mod:`~.audit` what
callers got, as it happens and at the end of each episode. ``docs/simulator.md`` tells how to read a failure.
"""
