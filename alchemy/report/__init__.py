"""Claims, verdicts, figures and pages."""
