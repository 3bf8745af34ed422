"""Claims of theory: laws that say how much, measured."""
