"""Measures of completed pictures, run over a protocol and kept as they come."""
