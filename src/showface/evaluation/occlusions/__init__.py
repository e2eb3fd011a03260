"""Holes in the shape of what really hides faces, and what is measured round them."""
