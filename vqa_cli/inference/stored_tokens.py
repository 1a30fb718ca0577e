"""Image tokens that training stored, looked up instead of encoding the images again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from vqa_cli.data.images import ImageSource

if TYPE_CHECKING:
    from vqa_cli.data.feature_store import FeatureStore

Read = NDArray[Any]
"""An image's stored tokens, float16 (N, D), or its pixels, uint8 (H, W, 3)."""


class StoredTokens:
    """The tokens of those images of a prepared dataset that a store holds.

    digests: the hex SHA-256 of each file's content, as the dataset recorded it.
    """

    def __init__(self, store: FeatureStore, digests: Mapping[Path, str]) -> None:
        self.store = store
        self._digests = {path: digest for path, digest in digests.items() if digest in store}

    def __len__(self) -> int:
        return len(self._digests)

    def find(self, image: ImageSource) -> Read | None:
        """The tokens of an image, float16 (N, D); None where they are not known."""
        digest = self._digests.get(image) if isinstance(image, Path) else None
        if digest is None:
            return None
        tokens: Read = self.store.gather(self.store.lookup([digest]))[0]
        return tokens


def encode_fresh(
    images: Sequence[Read], encode: Callable[[NDArray[np.uint8]], NDArray[np.float32]]
) -> NDArray[np.float32]:
    """Image tokens (B, N, D) of images of which some are tokens already.

    encode: pixels (B, H, W, 3) -> tokens (B, N, D).
    """
    fresh = [place for place, image in enumerate(images) if image.ndim == 3]
    if not fresh:
        return np.stack(images).astype(np.float32, copy=False)
    encoded = encode(np.stack([images[place] for place in fresh]))
    if len(fresh) == len(images):
        return encoded
    tokens = np.empty((len(images), *encoded.shape[1:]), dtype=np.float32)
    tokens[fresh] = encoded
    for place in set(range(len(images))).difference(fresh):
        tokens[place] = images[place]
    return tokens
