"""How fast the lab's work goes."""
