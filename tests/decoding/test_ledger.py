"""Bills of what answering costs, worked out by hand."""

from __future__ import annotations

import numpy as np

from alchemy.decoding.ledger import Ledger


def test_flops_are_two_for_each_weight_and_token_of_either_model():
    """A policy of 10 weights reads 3 and 4 tokens and writes 5; a verifier of 7 reads 6 and 0."""
    bill = Ledger.of(
        10, np.array([[3, 4]]), np.array([[5, 5]]), np.array([[5, 2]]), checker=7, checked=np.array([[6, 0]]), calls=2
    )
    assert bill.flops.tolist() == [[2 * (10 * 8 + 7 * 6), 2 * 10 * 9]]
    assert bill.calls.tolist() == [[2, 2]], "one number is that of every problem"
    assert bill.depth.tolist() == [[5, 2]]
    assert all(array.dtype == np.float64 and array.shape == (1, 2) for array in bill)


def test_no_verifier_costs_nothing():
    bill = Ledger.of(10, np.array([[3]]), np.array([[5]]), np.array([[5]]))
    assert (bill.checked.tolist(), bill.calls.tolist(), bill.flops.tolist()) == ([[0]], [[0]], [[160]])
    exact = Ledger.of(10, np.array([[3]]), np.array([[5]]), np.array([[5]]), checked=6, calls=1)
    assert exact.flops.tolist() == [[160]], "a verifier without weights reads for nothing"


def test_two_bills_are_added_item_by_item():
    options = dict(checker=2, checked=1, calls=1, told=2, searches=1)
    first = Ledger.of(10, np.array([[3]]), np.array([[5]]), np.array([[4]]), **options)
    second = Ledger.of(1, np.array([[2]]), np.array([[1]]), np.array([[1]]))
    total = [array.item() for array in first + second]
    assert total == [5, 6, 1, 1, 5, 2 * (10 * 10 + 2 * 1) + 2 * 3, 2, 1, 0]
