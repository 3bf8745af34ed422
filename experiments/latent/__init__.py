"""Width in latent space: recursive reasoners that sample, and the controls they are compared with."""
