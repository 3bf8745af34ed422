"""Claims on how a budget of test-time compute is best spent."""
