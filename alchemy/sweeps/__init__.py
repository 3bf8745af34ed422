"""Many trainings, or many configs of a claim: a grid or random draws of their fields, run, resumed, and compared."""
