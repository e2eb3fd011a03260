"""The lean form of the networks: equal to what was trained, up to rounding, and quicker on one face."""
