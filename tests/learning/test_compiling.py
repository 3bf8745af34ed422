"""How long programs took to be made: no more than the time in which they were, however they lie within each other."""

from time import monotonic

import jax
import jax.numpy as jnp
from hypothesis import given
from hypothesis import strategies as st

from alchemy.learning import compiling

SPAN = st.tuples(st.integers(0, 40), st.integers(0, 40)).map(sorted)


@given(st.lists(SPAN, max_size=30))
def test_what_spans_share_counts_once(spans):
    spent, covered = compiling.Spans(), set()
    for start, end in sorted(spans, key=lambda span: span[1]):
        spent.add(start, end)
        covered |= set(range(start, end))
        assert spent.seconds() == len(covered)


def test_a_program_is_made_once_and_those_within_it_are_part_of_that():
    inner = jax.jit(lambda x: jnp.sin(x) * 3)
    outer = jax.jit(lambda x: inner(inner(x) + 1) * 2)
    argument = jnp.ones(7)
    before, began = compiling.seconds(), monotonic()
    outer(argument).block_until_ready()
    taken, made = monotonic() - began, compiling.seconds() - before
    assert 0 < made <= taken
    outer(argument).block_until_ready()
    assert compiling.seconds() == before + made


def test_other_events_are_not_heard():
    before = compiling.seconds()
    jax.monitoring.record_event_duration_secs("/jax/other_duration", 3.0)
    assert compiling.seconds() == before
