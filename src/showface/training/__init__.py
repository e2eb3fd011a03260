"""Training: four stages through one loop, resumable at every step."""
