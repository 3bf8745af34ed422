"""The command `alchemy`."""
