"""Native programs: the same Program, printed as C, compiled by the system's compiler, and loaded."""
