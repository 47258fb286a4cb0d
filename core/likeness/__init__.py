"""Likeness: synthetic-media effects in scene-linear float, offline, clear of rights."""

__version__ = "0.1.0"
