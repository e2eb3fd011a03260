"""What is compared, by name: our networks, classical and trained methods, results of others."""
