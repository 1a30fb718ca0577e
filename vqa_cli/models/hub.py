"""Pretrained weights: from a local folder, the local cache, or the model hub.

Only safetensors, JSON and vocabulary files are ever fetched: a pickle is never loaded.
"""

from __future__ import annotations

import os
from pathlib import Path

from vqa_cli.errors import ModelError

FILES = ["config.json", "model.safetensors", "tokenizer.json", "tokenizer_config.json"]
FILES += ["special_tokens_map.json", "vocab.txt", "vocab.json", "merges.txt", "added_tokens.json"]
FILES += ["sentencepiece.bpe.model", "spiece.model", "model.safetensors.index.json"]
FILES += ["model-*-of-*.safetensors"]
QUICK_SECONDS = 3.0
"""How long `answers_at_once` waits for the hub."""


def is_offline(offline: bool) -> bool:
    """Whether the network is forbidden, by setting or by the hub's own environment variable."""
    return offline or os.environ.get("HF_HUB_OFFLINE", "").upper() in {"1", "ON", "YES", "TRUE"}


def is_cached(repository: str) -> bool:
    """Whether the weights of `repository` ("owner/name") lie in the local cache."""
    from huggingface_hub import try_to_load_from_cache

    return isinstance(try_to_load_from_cache(repository, "model.safetensors"), str)


def answers_at_once(repository: str) -> bool:
    """Whether the hub says within `QUICK_SECONDS` that it has the weights of `repository`."""
    from huggingface_hub import get_hf_file_metadata, hf_hub_url

    try:
        get_hf_file_metadata(hf_hub_url(repository, "model.safetensors"), timeout=QUICK_SECONDS)
    except Exception:  # whatever keeps the hub from answering, the answer is the same: no
        return False
    return True


def fetch(repository: str, flag: str, *, offline: bool) -> Path:
    """Return the local folder of `repository`, downloading what is missing.

    `flag` is the option that named it, for the messages.
    Raises ModelError: unknown repository, no network, no safetensors weights.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import (
        HFValidationError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    forbidden = is_offline(offline)
    try:
        folder = Path(
            snapshot_download(repository, allow_patterns=FILES, local_files_only=forbidden)
        )
    except RepositoryNotFoundError as error:
        raise ModelError(
            f"{flag}: the model hub has no {repository!r} that you may read; check the name, or "
            "give a local folder"
        ) from error
    except HFValidationError as error:
        raise ModelError(
            f"{flag}: {repository!r} is neither a local folder nor a name on the model hub"
        ) from error
    except (LocalEntryNotFoundError, OSError, ValueError) as error:
        reason = "the network is forbidden here" if forbidden else "the model hub does not answer"
        raise ModelError(
            f"{flag}: {repository!r} is not in the local cache and {reason}. Either fetch it where "
            f"there is a network (`hf download {repository}`) and give the folder to {flag}, or "
            f"train without any download: --preset tiny and no {flag}"
        ) from error
    if not any(folder.glob("*.safetensors")):
        raise ModelError(
            f"{flag}: {repository!r} has no safetensors weights, and vqa never loads pickles; "
            "convert them once, and give the folder"
        )
    return folder
