"""The ways `Modular` can shift: names and sizes.

A name is parts joined by `+`:

| part | the test distribution | axis | size |
|---|---|---|---|
| `prompt_noise=0.1` | prompts that show a wrong factor so often | task | probability |
| `factors=3` | products of that many factors | length | distance to the trained number |
| `noise=insert:0.1` or `noise=insert:0.1:product` | format noise | format | probability |
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from alchemy.problem import shift_names as grammar
from alchemy.problem.shift import MODES, Axis, Shift
from tasks.modular.spec import Spec


def parse(spec: Spec, name: str) -> Shift:
    """The shift called `name`, checked against the task; raises `UserError`."""
    return grammar.parse(spec, name, PARTS)


def _prompt_noise(spec: Spec, value: str, name: str) -> Shift:
    probability = grammar.share(value, name)
    return Shift(name, (Axis.TASK,), abs(probability - spec.prompt_noise), {"prompt_noise": probability})


def _factors(spec: Spec, value: str, name: str) -> Shift:
    factors = grammar.number(value, name, "a number of factors", minimum=2)
    return Shift(name, (Axis.LENGTH,), abs(factors - spec.factors), {"factors": factors})


PARTS: Mapping[str, grammar.Part] = {"prompt_noise": _prompt_noise, "factors": _factors, "noise": grammar.noise}


def standard(spec: Spec) -> tuple[str, ...]:
    """Names of the shifts worth looking at first, those the task cannot do left out."""
    return grammar.possible(parse, spec, _candidates(spec))


def _candidates(spec: Spec) -> Iterator[str]:
    yield from (f"prompt_noise={probability}" for probability in (0.1,) if spec.prompt_noise != probability)
    yield from (f"factors={factors}" for factors in (spec.factors + 1, spec.factors + 2))
    yield from (f"noise={mode}:0.1" for mode in MODES if spec.noise is None)
