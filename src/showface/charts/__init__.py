"""Pages that need nothing but themselves: their frame, and drawings (SVG) of numbers."""
