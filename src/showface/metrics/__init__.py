"""How near a completed picture comes to the truth (method section 9): one file per metric."""
