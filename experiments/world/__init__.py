"""Looking things up: what searches are worth, and who rations them."""
