"""Anybody's answers, scored: text metrics, oracles, files of predictions."""
