"""Asterisk's side of the service: the gate, the meter, and everything that talks to Asterisk."""
