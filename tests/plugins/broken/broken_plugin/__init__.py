"""A package that cannot be imported."""

raise RuntimeError("a driver is missing")
