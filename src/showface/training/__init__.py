"""Training: all stages through one loop, resumable at every step."""
