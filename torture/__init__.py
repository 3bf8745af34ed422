"""What users' machines and files do to commands: kills, full disks, places that cannot be written to, damaged inputs.

    make torture                                                # some twenty minutes on 2 cores
    python -m torture --only kills --kills 1000 --seed 7

`process` runs commands in forks of a process that has imported all they need; `work` names the commands and reads what
they leave; `kills`, `disk`, `places` and `inputs` are the four campaigns. Each yields its trials one by one, and a trial
that went wrong says how to see it again. Everything happens in a scratch directory with a cache of compiled programs of
its own.
"""
