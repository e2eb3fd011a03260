"""How near a completed picture comes to the truth (method.md §9): one file per metric."""
