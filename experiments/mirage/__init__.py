"""Claims of arXiv:2508.01191: chain of thought and the distribution it was trained on."""
