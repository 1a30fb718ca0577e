"""Images and questions of val and test that an earlier split has too."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from vqa_cli.data.duplicate_rows import Pairs
from vqa_cli.data.findings import MAX_EXAMPLES, Findings
from vqa_cli.data.image_checks import Contents
from vqa_cli.data.near_copies import copies_among
from vqa_cli.data.rows import Mask, Rows
from vqa_cli.data.split_checks import later_splits
from vqa_cli.data.splits import TRAIN, Codes

Leaks = dict[str, list[str]]
"""By split: a line for each way in which its questions are about what an earlier split has."""
_PATH, _CONTENT, _LOOK = 0, 1, 2
_PROBLEMS = {
    _PATH: "question about an image of {}",
    _CONTENT: "question about an image that {} has under another name",
    _LOOK: "question about an image that looks like one of {}",
}


def check_leaks(
    rows: Rows, usable: Mask, codes: Codes, contents: Contents, pairs: Pairs, findings: Findings
) -> Leaks:
    """Tell how many questions of val and test are about what an earlier split has, and how.

    Test is compared with val too: a val made here was carved from train. An image counts for the
    plainest way in which an earlier split has it: by its path, else by its content, else by its
    look. Besides, questions that are asked about the same image again are counted.
    """
    leaks: Leaks = {}
    earlier = usable & (codes == TRAIN)
    for split, chosen in later_splits(usable, codes):
        others = "train" if split == "val" else "train or val"
        told: list[str] = []
        for problem, leaking, examples in _found(rows, earlier, chosen, contents, pairs):
            count, total = int(leaking.sum()), int(chosen.sum())
            problem = f"{split} {problem.format(others)}"
            findings.told(problem, *examples, count=count, of=total)
            told.append(f"{problem}: {count:,} of {total:,}")
        if told:
            leaks[split] = told
        earlier = earlier | chosen
    return leaks


def _found(
    rows: Rows, earlier: Mask, chosen: Mask, contents: Contents, pairs: Pairs
) -> list[tuple[str, Mask, list[str]]]:
    """Each kind of leak that there is: its text, the rows (N,), examples."""
    names, image_of = rows.images, rows.image_of
    mine, theirs = (
        np.flatnonzero(np.bincount(image_of[mask], minlength=len(names)))
        for mask in (chosen, earlier)
    )
    kind_of, twin_of = _twins(mine, theirs, contents)
    found = []
    for kind, problem in _PROBLEMS.items():
        leaking = chosen & (kind_of[image_of] == kind)
        if leaking.any():
            images = list(dict.fromkeys(image_of[leaking].tolist()))[:MAX_EXAMPLES]
            examples = [
                names[image] if kind == _PATH else f"{names[image]} = {names[twin_of[image]]}"
                for image in images
            ]
            found.append((problem, leaking, examples))
    asked = np.zeros(pairs.max() + 1, dtype=bool)
    asked[pairs[earlier]] = True
    again = chosen & asked[pairs]
    if again.any():
        examples = rows.texts("question_id", np.flatnonzero(again)[:MAX_EXAMPLES])
        found.append(("question that {} asks about the same image", again, examples))
    return found


def _twins(
    mine: npt.NDArray[np.intp], theirs: npt.NDArray[np.intp], contents: Contents
) -> tuple[npt.NDArray[np.int8], npt.NDArray[np.int64]]:
    """How each image (I,) that is `mine` is among `theirs`, or -1; and as which one."""
    kind_of = np.full(len(contents.of), -1, dtype=np.int8)
    twin_of = np.full(len(contents.of), -1, dtype=np.int64)
    if not len(theirs):
        return kind_of, twin_of
    by_content = theirs[np.argsort(contents.of[theirs], kind="stable")]
    known = contents.of[by_content]
    place = np.searchsorted(known, contents.of[mine]).clip(max=len(known) - 1)
    same = known[place] == contents.of[mine]
    kind_of[mine[same]], twin_of[mine[same]] = _CONTENT, by_content[place[same]]
    kind_of[mine[np.isin(mine, theirs)]] = _PATH
    mine, theirs = mine[~same & contents.seen[mine]], theirs[contents.seen[theirs]]
    copies = copies_among(contents.looks[mine], contents.looks[theirs])
    alike = copies >= 0
    kind_of[mine[alike]], twin_of[mine[alike]] = _LOOK, theirs[copies[alike]]
    return kind_of, twin_of
