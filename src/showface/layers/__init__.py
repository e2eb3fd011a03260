"""Blocks that know nothing of faces."""
