"""Claims of arXiv:2505.21825 and around it: one long chain against many short ones, on graphs."""
