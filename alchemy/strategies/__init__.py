"""Ways to spend inference tokens, one file each; the file's name is the strategy's.

A strategy is a frozen dataclass whose fields are its dials, and one method. One that searches writes its chains itself,
in `answer` (see `alchemy.strategies.tree`). One that forces has `forcing`, which says how long its one chain thinks
(see `alchemy.decoding.forcing`). A *replayed* one chooses among independent answers and so can be replayed on
the answers of a bank.
"""
