"""Asterisk's side of the gate: the dialplan a PBX includes, and the words it shares with the service."""
