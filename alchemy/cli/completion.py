"""Completion for bash, and for zsh through its `bashcompinit`: commands, their options, and the names that they take.

source <(alchemy --completion)
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alchemy.discover import Kind, entries

OPTION = "--completion"
TAKES: dict[str, tuple[Kind, ...]] = {
    "show": ("task", "model", "strategy", "claim"),
    "generate": ("task",),
    "train": ("task",),
    "reproduce": ("claim",),
    "lock": ("claim",),
}
"""What the names behind a command are of; behind the others files are completed."""
FUNCTION = """_alchemy() {
  local word=${COMP_WORDS[COMP_CWORD]} words=
  if [ "$COMP_CWORD" = 1 ]; then words="%s"; else
    case ${COMP_WORDS[1]} in
%s
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$word"))
}
[ -z "${ZSH_VERSION-}" ] || { autoload -U bashcompinit && bashcompinit; }
complete -o default -F _alchemy alchemy
"""


def script(options: Mapping[str, Sequence[str]]) -> str:
    """A script for a shell to read; `options` are the flags of each command. Those of a task or a claim are not in it."""
    cases = []
    for command, flags in options.items():
        names = [name for kind in TAKES.get(command, ()) for name in entries(kind)]
        words = " ".join(dict.fromkeys([*names, *flags, "--config", "--help"]))
        cases.append(f'      {command}) words="{words}" ;;')
    return FUNCTION % (" ".join([*options, "--help", "--version"]), "\n".join(cases))
