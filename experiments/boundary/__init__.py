"""Claims about the boundary of what was trained on: what moves it, and what only seems to."""
