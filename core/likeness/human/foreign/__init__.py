"""Meshes that others made: read, understood as heads, given shapes, written again as they were."""
