"""From numbers to judgements: intervals, laws of votes and coverage, regressions."""
