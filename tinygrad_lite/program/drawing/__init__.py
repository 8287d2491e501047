"""Pictures of a recorded computation, as text in Graphviz's language."""
