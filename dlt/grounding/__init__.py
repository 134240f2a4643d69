"""Visual grounding: where the nodes of a structure are in its screenshot."""
