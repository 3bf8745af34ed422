"""Is the trace used? Interventions on what a model reads and on its activations, and linear probes."""
