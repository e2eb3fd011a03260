"""Other methods, to compare with: `table` names them, each of the others is one network."""
