"""Claims about what depth can do and what steps can do: laws of theory, measured on trained models."""
