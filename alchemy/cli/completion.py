"""Completion for bash, for zsh through its `bashcompinit`, and for fish: commands, their options, and the names that they take.

source <(alchemy --completion)         # bash, zsh
alchemy --completion fish | source
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from alchemy.discover import Kind, entries
from alchemy.errors import UserError, nearest

OPTION = "--completion"
SHELLS = ("bash", "zsh", "fish")
TAKES: dict[str, tuple[Kind, ...]] = {
    "show": ("task", "model", "reasoner", "strategy", "claim"),
    "generate": ("task",),
    "train": ("task",),
    "reason": ("task",),
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
[ -z "${ZSH_VERSION-}" ] || {
  autoload -U compinit bashcompinit
  whence compdef >/dev/null || compinit -i
  bashcompinit
}
complete -o default -F _alchemy alchemy
"""


def script(options: Mapping[str, Sequence[str]], shell: str = "bash") -> str:
    """A script for a shell to read; `options` are the flags of each command. Those of a task or a claim are not in it.

    Raises `UserError` for a shell that is not one of `SHELLS`.
    """
    if shell not in SHELLS:
        raise UserError(f"shell {shell!r} is none of {', '.join(SHELLS)}{nearest(shell, SHELLS)}")
    words = {
        command: list(dict.fromkeys([*_names(command), *flags, "--config", "--help"]))
        for command, flags in options.items()
    }
    first = [*options, "--help", "--version"]
    return _fish(first, words) if shell == "fish" else _bash(first, words)


def _names(command: str) -> list[str]:
    return [name for kind in TAKES.get(command, ()) for name in entries(kind)]


def _bash(first: Sequence[str], words: Mapping[str, Sequence[str]]) -> str:
    cases = [f'      {command}) words="{" ".join(after)}" ;;' for command, after in words.items()]
    return FUNCTION % (" ".join(first), "\n".join(cases))


def _fish(first: Sequence[str], words: Mapping[str, Sequence[str]]) -> str:
    """Files are completed beside the words, but for the commands themselves."""
    lines = [f"complete -c alchemy -n 'not __fish_seen_subcommand_from {' '.join(words)}' -f -a '{' '.join(first)}'"]
    lines += [
        f"complete -c alchemy -n '__fish_seen_subcommand_from {name}' -a '{' '.join(words[name])}'" for name in words
    ]
    return "\n".join(lines) + "\n"
