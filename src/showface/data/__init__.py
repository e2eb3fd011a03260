"""Faces, masks and the batches made of them: every sample is a function of a seed and its index."""
