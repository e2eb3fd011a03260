"""The semantic categories of a face, and how well parsers find them."""
