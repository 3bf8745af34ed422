"""Small faults, planted one at a time in the code that numbers pass through: would the tests notice?

    make faults                                                                # every module that `modules.toml` lists
    python -m faults --module alchemy/stats/verdict.py --sample 200 --seed 7 --jobs 2

`plant` finds the places of a module and changes one of them; `reach` measures which tests run which functions; `stage`
chooses the tests that reach a fault, and `trial` runs them in a fork; `listed` knows the faults that change nothing. `swap`
has forks of a process that has collected all tests, and exchanges the code of functions: a second or two for each fault.
Where code runs while the tree is imported, the fork has to import the fault's module: half a minute. No file of the tree is
changed, so an interrupted run leaves nothing behind; what was tried is kept in `.cache/faults`, and the next run goes on
from there.

Why not mutmut or cosmic-ray: both write each fault to disk and start a Python for it, and importing jax, scipy and what the
tests need takes two to ten seconds here before the first test runs. A fork that has them takes a fraction of a second.
"""
