"""Claims on whether a chain of thought is used: interventions, probes, wrong traces."""
