"""Ways to spend inference tokens, one file each; the file's name is the strategy's."""
