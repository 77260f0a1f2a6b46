"""Tools to look into networks with: compare them, and see how far their gradients reach."""
