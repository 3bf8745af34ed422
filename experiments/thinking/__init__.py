"""Claims on thinking longer: forced thinking and overthinking."""
