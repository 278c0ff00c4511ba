"""FastAGI: what Asterisk's dialplan asks over TCP. The balance by phone; a path each for what else may come."""
