"""One file a command: its options, the configs whose fields it takes as flags, and what it does."""
