"""Writing with a trained model: one cached engine, and the bill of what it spends."""
