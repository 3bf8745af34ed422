"""Splits on disk: recipes, files, checksums, prompts for language models."""
