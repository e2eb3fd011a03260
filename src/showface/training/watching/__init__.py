"""What people see of a run: terminal, TensorBoard, contact sheets, a page."""
