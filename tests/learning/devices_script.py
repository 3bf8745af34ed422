"""Losses of small trainings on whatever devices there are, as one JSON object; run by `test_devices.py`."""

from __future__ import annotations

import json
import sys

import jax

from alchemy.lab.training_data import training_data
from alchemy.learning import machine
from alchemy.learning.config import TrainConfig
from alchemy.learning.train import train
from alchemy.problem.split import Split
from models.transformer import Transformer
from tasks.symbols import Symbols

machine.prepare()
processes = machine.join()
task = Symbols(compositions=("F1 F2",), alphabet="ABCDEFGH")
model = Transformer(len(task.vocabulary), width=16, layers=1, heads=2, context=24)
config = TrainConfig(steps=6, batch=32, chunk=3, learning_rate=6e-3)
told = {"processes": processes, "devices": len(jax.devices())}
for count in map(int, sys.argv[1:]):
    seeds = range(abs(count))  # a negative number of seeds: with the state divided among devices
    data = training_data(task, Split(), seeds)
    told[str(count)] = train(model, data, config, seeds=seeds, sharded=count < 0).losses.tolist()
print(json.dumps(told))
