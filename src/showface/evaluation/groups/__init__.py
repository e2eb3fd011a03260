"""Results told apart by what the pictures show."""
