"""Pages made while the site is built: one a claim, from its file and its committed verdicts; one a wing, from its docstrings.

mkdocs calls `on_files` before it reads the pages, `on_page_markdown` for each page, `on_post_page` for its HTML. Links
of handwritten pages lead to files of the repository; where these are not part of the site, they are pointed to what is.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from math import inf
from pathlib import Path, PurePosixPath
from posixpath import normpath, relpath
from types import ModuleType
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from alchemy import discover
from alchemy.report import lock as locks
from alchemy.report import table
from alchemy.report.claim import QUESTIONS
from alchemy.report.history import earlier, history, newest
from alchemy.report.results import is_earlier

ROOT = Path(__file__).parents[1]
VERDICTS = ROOT / "experiments" / "verdicts"
LOCKS = ROOT / "experiments" / "locks"
PACKAGES = ("alchemy", "tasks", "models")
"""What the API reference covers; claims have pages of their own."""
ROOT_PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
EARLIER = (
    "This verdict was published by the earlier method, 95 % intervals over seeds and problems, and has not been judged "
    "again by [the present one](../verdicts.md)."
)
SECTIONS = re.compile(r"^([A-Z][a-z]+(?: [a-z]+)*) {2,}", re.MULTILINE)
"""The sections of a claim's docstring: a title at the margin, two spaces or more, the text."""
LINK = re.compile(r"(?<=\]\()[^)\s]+(?=\))")
CONTENTS = re.compile(r'<nav class="md-nav" aria-label="[^"]*">')
"""A list within the table of contents, which is part of one landmark."""
SECTION_OF_SITE = re.compile(
    r'aria-labelledby="[^"]*_label"([^>]*>\s*<label class="md-nav__title"[^>]*>\s*<span[^>]*></span>\s*)([^<]*?)(?=\s*</label>)'
)
"""A list of pages; what it is labelled by is an icon alone where the section has a page of its own."""
FETCHES = re.compile(r"""<(?:script|img|iframe|link rel="(?:stylesheet|preconnect)")[^>]*(?:src|href)="https?:[^"]*""")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages, and what they and the handwritten ones show."""
    pages = {
        uri: _relinked((ROOT / name).read_text("utf-8"), "", uri)
        for name, uri in ROOT_PAGES.items()
        if name != "README.md"
    }
    pages["gallery.md"] = (ROOT / "tasks" / "GALLERY.md").read_text("utf-8")
    claims, reference = dict(_claim_pages()), dict(_reference_pages())
    pages |= claims | reference
    for uri, text in pages.items():
        files.append(File.generated(config, uri, content=text))
    shown = [*(VERDICTS / "figures").glob("*.svg"), *VERDICTS.glob("*.json"), *(ROOT / "benchmarks").glob("*.*")]
    for path in shown:
        files.append(File.generated(config, _site_uri(path.relative_to(ROOT).as_posix()), abs_src_path=str(path)))
    config.nav = [
        config.nav[0],
        {"Claims": list(claims)},
        *config.nav[1:],
        {"API reference": list(reference)},
        {"Project": [{"Gallery of problems": "gallery.md"}, "contributing.md", "changelog.md"]},
    ]
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Point links of handwritten pages that leave docs/ to what the site has."""
    return markdown if page.file.generated_by else _relinked(markdown, "docs", page.file.src_uri)


def on_post_page(output: str, page: Page, config: MkDocsConfig) -> str:
    """Refuse a page that would fetch something when it is opened, and name the theme's landmarks."""
    if fetched := FETCHES.search(output):
        raise PluginError(f"{page.file.src_uri} fetches {fetched[0]}")
    return _named(output)


def on_post_template(output_content: str, template_name: str, config: MkDocsConfig) -> str:
    """Name the theme's landmarks where no page is there."""
    return _named(output_content) if template_name.endswith(".html") else output_content


def _named(output: str) -> str:
    """HTML with a name for each of the theme's landmarks."""
    output = output.replace(
        'data-md-component="search" role="dialog"', 'data-md-component="search" role="dialog" aria-label="Search"'
    )
    output = CONTENTS.sub('<nav class="md-nav" role="none">', output)
    return SECTION_OF_SITE.sub(r'aria-label="\2"\1\2', output)


def _relinked(markdown: str, home: str, uri: str) -> str:
    """The text of a file in the folder `home` of the repository, with links as its page at `uri` needs them."""

    def link(match: re.Match[str]) -> str:
        path, _, anchor = match[0].partition("#")
        if not path or ":" in path:
            return match[0]
        target = _site_uri(normpath(PurePosixPath(home, path).as_posix()))
        if target.startswith("reference/") and not anchor:
            anchor = _module(normpath(PurePosixPath(home, path).as_posix()))
        return relpath(target, PurePosixPath(uri).parent.as_posix()) + (f"#{anchor}" if anchor else "")

    return LINK.sub(link, markdown)


def _site_uri(path: str) -> str:
    """Where the site has what the repository has at `path`."""
    parts = PurePosixPath(path).parts
    stem = PurePosixPath(path).stem
    if path in ROOT_PAGES:
        return ROOT_PAGES[path]
    if path == "tasks/GALLERY.md":
        return "gallery.md"
    if path == "experiments/verdicts":
        return "claims/index.md"
    if parts[0] == "docs":
        return "/".join(parts[1:])
    if parts[0] == "experiments" and path.endswith(".py") and stem in discover.entries("claim"):
        return f"claims/{stem}.md"
    if path.endswith(".py") and parts[0] in PACKAGES:
        return f"reference/{_wing(path)}.md"
    return f"files/{path}"


def _module(path: str) -> str:
    """The name by which a file of ours is imported."""
    return path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")


def _wing(path: str) -> str:
    """The page a module is described on: its wing's or its package's."""
    return ".".join(PurePosixPath(path).parent.parts[:2])


# Claims


def _claim_pages() -> Iterator[tuple[str, str]]:
    """The overview, then a page for each claim."""
    records, modules = newest(VERDICTS), discover.experiments()
    yield "claims/index.md", _overview(modules, records)
    for name, module in modules.items():
        yield f"claims/{name}.md", _claim_page(name, module, records.get(name, {}))


def _overview(modules: Mapping[str, ModuleType], records: Mapping[str, Mapping[str, Any]]) -> str:
    """All claims, by the question they answer."""
    by_question: dict[str, list[str]] = {question: [] for question in QUESTIONS}
    for name, module in modules.items():
        by_question[module.CLAIM.question].append(name)
    lines = ["# All claims", "", "How a verdict is reached is on [a page of its own](../verdicts.md).", ""]
    for question, names in by_question.items():
        lines += (
            [f"## {question}", "", "| claim | verdict | the number that decides |", "|---|---|---|"] if names else []
        )
        for name in names:
            presets = records.get(name, {})
            decides = [table.deciding(record) for record in presets.values() if not is_earlier(record)]
            cells = (
                f"[`{name}`]({name}.md) {modules[name].CLAIM.sentence}",
                _verdicts(name, presets),
                "; ".join(decides),
            )
            lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
        lines.append("")
    return "\n".join(lines)


def _verdicts(name: str, presets: Mapping[str, Any]) -> str:
    """Where a claim stands: its verdicts, or that there is none yet, and what the earlier method said of its wording then."""
    lock = locks.read(name, LOCKS)
    judged, earlier = [], []
    for preset, record in presets.items():
        promised = lock is not None and (record.get("lock") or {}).get("digest") == lock.digest
        if is_earlier(record):
            earlier.append(f"{record['verdict']} at `{preset}`")
        else:
            judged.append(f"{_badge(record)} at `{preset}`" + ("" if promised else " (exploratory)"))
    former = f" (earlier method: {', '.join(earlier)})" if earlier and not judged else ""
    return (", ".join(judged) or "not judged yet") + former


def _claim_page(name: str, module: ModuleType, presets: Mapping[str, Any]) -> str:
    """What the claim says, what would refute it, and every check and figure of its committed runs."""
    lines = [f"---\ntitle: {name}\n---", f"# {module.CLAIM.sentence}", ""]
    lines += [f"Verdict: {_verdicts(name, presets)}", ""]
    titles = iter(SECTIONS.split(module.__doc__ or "")[1:])
    for title, text in zip(titles, titles, strict=True):
        if title != "Run":
            lines += [f"**{title}.** {' '.join(text.split())}", ""]
    for preset, record in presets.items():
        lines += _run(name, preset, record, _is_of(record, module))
    return "\n".join([*lines, *_history(name)])


def _is_of(record: Mapping[str, Any], module: ModuleType) -> bool:
    """Whether a record judged the sentence that the claim's file has now."""
    return record["claim"]["sentence"] == module.CLAIM.sentence


def _run(name: str, preset: str, record: Mapping[str, Any], current: bool) -> list[str]:
    """One committed run: its provenance, checks and figures; `current` if it is of the sentence above."""
    lines = [
        f"## The run at `{preset}`",
        "",
        f"{record['seeds']} seeds on {record['device']}, {record['seconds'] / 60:.1f} minutes, commit `{record['commit'][:7]}`; "
        f"[everything measured](../files/experiments/verdicts/{name}.json). Run it again:",
        "",
        f"```\nalchemy reproduce {name} --preset {preset}\n```",
        "",
    ]
    wording = "" if current else f" It is about an earlier wording: *{record['claim']['sentence']}*"
    lines += [f"Verdict of this run: {_badge(record)}.{wording}", ""]
    if is_earlier(record):
        lines += ["!!! note", f"    {EARLIER}", ""]
    for figure in record["figures"]:
        lines += [
            f"![{figure.removesuffix('.svg').replace('_', ' ')}](../files/experiments/verdicts/figures/{preset}-{figure})",
            "",
        ]
    lines += ["| check | measured | expected | verdict | why there |", "|---|---|---|---|---|"]
    for check in record["checks"]:
        measured, expected = _earlier(check) if is_earlier(record) else (table.shown(check), table.wanted(check))
        cells = (check["name"], measured, expected, _badge(check), check["reason"])
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return [*lines, ""]


def _history(name: str) -> Iterator[str]:
    """Every verdict that was ever published of a claim, oldest first."""
    rows = [_published(entry) for entry in earlier(VERDICTS, name)]
    for preset, records in history(VERDICTS / f"{name}.json").items():
        rows += [_judged(preset, record) for record in records if not is_earlier(record)]
    if rows:
        yield from ("## All verdicts so far", "")
        yield "| commit | preset | seeds | verdict | checks held | lock | what changed, and why |\n|---|---|---|---|---|---|---|"
        yield from ("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)
        yield ""


def _published(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """A verdict of the earlier method; there were no locks."""
    changes = [f"{word}: {', '.join(entry[word])}" for word in ("added", "removed", "rebounded") if entry[word]]
    held = "; ".join([f"{entry['held']} of {entry['checks']}", *(f"refuted: {check}" for check in entry["failed"])])
    return (*_outcome(entry["preset"], entry), held, "none", ". ".join([entry["reason"], *changes]))


def _judged(preset: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    held = sum(check["verdict"] == "HOLDS" for check in record["checks"])
    lock = record.get("lock") or {"digest": "none", "generation": 0}
    why = lock.get("reason") or ("judged by the present method, as it was locked" if record.get("lock") else "")
    return (*_outcome(preset, record), f"{held} of {len(record['checks'])}", f"`{lock['digest'][:7]}`", why)


def _outcome(preset: str, record: Mapping[str, Any]) -> tuple[str, ...]:
    return f"`{record['commit'][:7]}`", preset, str(record["seeds"]), _badge(record)


def _earlier(check: Mapping[str, Any]) -> tuple[str, str]:
    """What a check of the earlier method measured and expected; its records have null for what is infinite."""
    bounds = {
        "low": -inf if check["low"] is None else check["low"],
        "high": inf if check["high"] is None else check["high"],
    }
    mean, low, high = (
        table.decimal(inf if check["measured"][name] is None else check["measured"][name])
        for name in ("mean", "low", "high")
    )
    return f"{mean} [{low}, {high}]", table.wanted(bounds | {"share": 0.5})


def _badge(judged: Mapping[str, Any]) -> str:
    """The verdict of a record or of a check, in its colour."""
    verdict = judged["verdict"]
    return f'<span class="verdict {verdict.lower()}">{verdict}</span>'


# API reference


def _reference_pages() -> Iterator[tuple[str, str]]:
    """A page for each wing of `alchemy` and each family of tasks, and one for what lies at the top of a package."""
    wings: dict[str, list[str]] = {}
    for package in PACKAGES:
        for path in sorted((ROOT / package).rglob("*.py")):
            place = path.relative_to(ROOT).as_posix()
            if not path.name.startswith("__main__"):
                wings.setdefault(_wing(place), []).append(_module(place))
    for wing, modules in sorted(wings.items()):
        lines = [f"# {wing}", ""]
        for module in modules:
            lines += [f"::: {module}", ""]
        yield f"reference/{wing}.md", "\n".join(lines)
