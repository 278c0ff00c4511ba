"""The demonstration office: its own Asterisk, a simulated public network, and the ports both live on.

Everything here runs on loopback and in folders of its own, so that it never meets a PBX already on the
machine.
"""
