"""Models that learn from what they write: rewards and policy gradients, filters of what they wrote, curricula."""
