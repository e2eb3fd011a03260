"""Measuring completed faces on one fixed table of pictures and masks (paper section 4; method.md §9)."""
