"""Likeness: synthetic-media effects in scene-linear float, offline, clear of rights."""

import os

# The solvers' matrices are small: threads of the linear algebra library only wait for each other
# (a shot of 24 frames is fitted in 2 s with one, in 100 s with two that share busy cores).
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
