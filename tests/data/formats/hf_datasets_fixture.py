"""What `save_to_disk` of Hugging Face's datasets writes: Arrow streams with a state beside them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa

from tests.data.layouts import write_text
from tests.drawing import image_bytes, save_image

IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
ROWS = pa.schema([("image", IMAGE), ("question", pa.string()), ("answer", pa.string())])
CONVERSATIONS = pa.schema(
    [
        ("images", pa.list_(IMAGE)),
        (
            "texts",
            pa.list_(pa.struct([(name, pa.string()) for name in ("user", "assistant", "source")])),
        ),
    ]
)


def row(color: str, question: str, answer: str | None) -> dict[str, Any]:
    image = {"bytes": image_bytes(color), "path": f"{color}.png"}
    return {"image": image, "question": question, "answer": answer}


def write_split(
    folder: Path,
    *shards: list[dict[str, Any]],
    schema: pa.Schema = ROWS,
    split: str | None = None,
) -> None:
    """The shards of one split, in batches of two rows."""
    folder.mkdir(parents=True, exist_ok=True)
    names = [f"data-{i:05d}-of-{len(shards):05d}.arrow" for i in range(len(shards))]
    for name, rows in zip(names, shards, strict=True):
        table = pa.Table.from_pylist(rows, schema=schema)
        with pa.OSFile(str(folder / name), "wb") as sink, pa.ipc.new_stream(sink, schema) as stream:
            stream.write_table(table, max_chunksize=2)
    state = {
        "_data_files": [{"filename": name} for name in names],
        "_fingerprint": "4c1a8ff6ff22c1d3",
        "_format_columns": None,
        "_format_kwargs": {},
        "_format_type": None,
        "_output_all_columns": False,
        "_split": split,
    }
    write_text(folder / "state.json", json.dumps(state, indent=2, sort_keys=True))
    info = {"citation": "", "description": "", "features": {}, "homepage": "", "license": ""}
    write_text(folder / "dataset_info.json", json.dumps(info, indent=2))


def hf_datasets(folder: Path) -> None:
    write_text(folder / "dataset_dict.json", '{"splits": ["train", "validation", "test"]}')
    asked = "What color is it?"
    first = [
        row("red", asked, "red"),
        row("red", "Is it round?", "yes"),
        row("blue", asked, "blue"),
    ]
    write_split(folder / "train", first, [row("green", asked, "green")], split="train")
    write_split(folder / "validation", [row("blue", asked, "blue")], split="validation")
    write_split(folder / "test", [row("red", asked, None)], split="test")


def hf_one_split(folder: Path) -> None:
    """One split alone, whose images are files that the table names."""
    save_image(folder / "images/a.png")
    rows = [{"image": {"bytes": None, "path": "images/a.png"}, "question": "What?", "answer": "x"}]
    write_split(folder, rows, split="train")


def hf_conversations(folder: Path) -> None:
    """The Cauldron's columns."""
    image = {"bytes": image_bytes("red"), "path": None}
    turns = [
        {"user": "What color is it?\nKeep it brief.", "assistant": "Red.", "source": "VQAv2"},
        {"user": "Is it round?", "assistant": "Yes.", "source": "VQAv2"},
    ]
    rows = [{"images": [image], "texts": turns}, {"images": [image, image], "texts": turns}]
    write_split(folder, rows, schema=CONVERSATIONS)


LAYOUTS = {
    "hf-datasets": ("hf-datasets", hf_datasets),
    "hf-datasets of one split": ("hf-datasets", hf_one_split),
    "hf-datasets of conversations": ("hf-datasets", hf_conversations),
}
