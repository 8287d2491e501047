"""A recorded graph as straight-line code: trace, simplify, plan."""
