"""Likeness in Nuke: thin, and generic over the effects that the core declares."""
