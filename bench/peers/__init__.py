"""Peers that run in an environment of their own: of ours they import what needs NumPy."""
