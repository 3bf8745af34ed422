"""The splits inside other people's tools."""
