"""Spending inference compute: banks of answers, verifiers and rewards, replays, allocation of budgets."""
