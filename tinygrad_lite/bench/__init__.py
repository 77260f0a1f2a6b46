"""The speed table: small programs, each timed side by side with another library's.

A row is a `Benchmark` in one of the lists that `suite.py` strings together; to add one, write how
each side is built (`ops.py` is a short example). How the clock is read is told in `measure.py`.
"""
