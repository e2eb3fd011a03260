"""Photographs as people keep them: decoded and encoded with all that belongs to them, faces found and put back."""
