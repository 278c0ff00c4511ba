"""Tollgate: prepaid call control for one's own Asterisk."""
