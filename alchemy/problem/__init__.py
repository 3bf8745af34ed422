"""What a distribution of problems is: tasks, their shifts, splits that cannot meet, and what no understanding scores."""
