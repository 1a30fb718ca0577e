"""`vqa cache`: what cached features take, and how to be rid of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from vqa_cli.commands.options import with_settings
from vqa_cli.console import Console
from vqa_cli.errors import DataError


@with_settings()
def cache(
    data: Annotated[
        Path | None,
        typer.Argument(help="A dataset, prepared or not; default: the user's own cache."),
    ] = None,
    clear: Annotated[bool, typer.Option("--clear", help="Delete what is listed.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object.")] = False,
    *,
    console: Console,
) -> None:
    """Show what the features of frozen encoders take on the disk; --clear deletes them.

    They are computed again when they are needed. So is what prepare remembers of images that it
    has checked, which lies in the user's own cache.
    """
    from vqa_cli.data.feature_cache import FEATURES, clear_store, list_stores, user_cache
    from vqa_cli.data.feature_store import size
    from vqa_cli.data.image_journal import journals

    if data is not None and not data.is_dir():
        raise DataError(f"{data}: no such folder; name a dataset, or none for the user's cache")
    # A dataset that was prepared where it lies keeps its prepared form in .vqa.
    places = [user_cache()] if data is None else [data, data / ".vqa"]
    stores = [store for place in places for store in list_stores(place / FEATURES)]
    checked = journals() if data is None else []
    entries = [(store.folder, store.kind, store.bytes) for store in stores]
    entries += [(path, "checked", path.stat().st_size) for path in checked]
    if clear:
        for store in stores:
            clear_store(store)
        for path in checked:
            path.unlink(missing_ok=True)
    total = sum(taken for _, _, taken in entries)
    if as_json:
        listed = [
            {"folder": str(folder), "kind": kind, "bytes": taken} for folder, kind, taken in entries
        ]
        print(json.dumps({"stores": listed, "bytes": total, "cleared": clear}))
        return
    for folder, kind, taken in entries:
        print(f"{size(taken):>10}  {kind:8}  {folder}")
    where = " and ".join(str(place / FEATURES) for place in places)
    if not entries:
        console.notice(f"no features in {where}")
    else:
        print(f"{size(total):>10}  {'deleted' if clear else 'in all'}")
