"""A complete task, which `alchemy new task` writes under another name; CONTRIBUTING.md shows it."""
