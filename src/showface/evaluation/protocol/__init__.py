"""What is measured: faces, masks, and which of them meet; what may not be measured is refused."""
