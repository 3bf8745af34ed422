"""What a language model has to be told to write evidence that two nodes are connected."""

RULES = (
    "A graph is given as a list of edges: `graph : [ a b c d ]` says that a and b are joined, and c and d. "
    "`task : s to x or y` asks which of x and y can be reached from s; exactly one can."
)
EVIDENCE = (
    "Write `work : [ ... ]` with a list of nodes: first s, then nodes each of which is joined to one listed earlier, and last "
    "the one of x and y that is reached. "
)
DECISION = "Write `decision : [ ... ]` with that one node. Keep single spaces between symbols, and write nothing else."


def instructions(reasons: bool) -> str:
    """The rules and the format, in English; without a chain of thought the list of work stays empty."""
    return f"{RULES}\n{EVIDENCE if reasons else 'Write `work : [ ]`. '}{DECISION.replace('Write', 'Then write')}"
