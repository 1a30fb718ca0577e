"""Where training's images come from: pixels, or stored tokens, plain or in several views."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from vqa_cli.models.extraction import NO_VIEWS, extract_images, open_image_store
from vqa_cli.training.augmentation import ImageAugmentation, view_hash
from vqa_cli.training.augmentation_rules import FLAG, Words, allowed_changes, describe_allowed
from vqa_cli.training.context import Context
from vqa_cli.training.split_data import ImageInputs, ImageTokens, Pixels, ViewTokens

if TYPE_CHECKING:
    import pandas as pd


def image_inputs(context: Context, files: Sequence[str], train: pd.DataFrame) -> ImageInputs:
    """Tokens of the feature store where the image encoder is frozen, else pixels.

    files: the images by number. train: the rows whose questions say how images may be changed.
    """
    recorded = context.data.images()
    digest_of = dict(zip(recorded["image"], recorded["sha256"], strict=True))
    paths = [context.data.image_root / file for file in files]
    digests = [digest_of[file] for file in files]
    augmentation = _augmentation(context, train, digest_of)
    if context.checkpoint.model.image_encoder.frozen:
        return _tokens(context, paths, digests, augmentation)
    return Pixels(
        paths,
        context.checkpoint.preprocessor,
        context.device.threads,
        context.data.info["settings"]["max_pixels"],
        view=None if augmentation is None else partial(_show, augmentation, digests),
    )


def _show(
    augmentation: ImageAugmentation,
    digests: Sequence[str],
    pixels: NDArray[np.uint8],
    image: int,
    draw: int,
) -> NDArray[np.uint8]:
    return augmentation(pixels, digests[image], draw)


def _augmentation(
    context: Context, train: pd.DataFrame, digest_of: Mapping[str, str]
) -> ImageAugmentation | None:
    """What may be done to train's images, judged by all the questions about each."""
    strength = context.beginning.augment.image_augmentation
    if strength == "none":
        return None
    words = Words.load(context.beginning.given.get("augmentation_words"))
    allowed = allowed_changes(
        words,
        [digest_of[image] for image in train["image"]],
        train["question"],
        train["answers"],
        train["choices"],
    )
    frozen = context.checkpoint.model.image_encoder.frozen
    views = f", {context.beginning.augment.views} views of each image" if frozen else ""
    context.report.notice(
        f"image augmentation {strength}{views}: {describe_allowed(allowed)}; judged by words in "
        f"{', '.join(words.tables)} alone ({FLAG} adds a language)"
    )
    return ImageAugmentation(strength, context.beginning.train.seed, allowed)


def _tokens(
    context: Context,
    paths: Sequence[Path],
    digests: Sequence[str],
    augmentation: ImageAugmentation | None,
) -> ImageInputs:
    """Encode what the store lacks of the images and their views."""
    encoder, preprocessor = context.checkpoint.model.image_encoder, context.checkpoint.preprocessor
    store = open_image_store(context.features, encoder, preprocessor.transform, context.device)
    count = context.beginning.augment.views
    extract_images(
        encoder,
        preprocessor,
        list(zip(paths, digests, strict=True)),
        store,
        context.device,
        views=augmentation.views(digests, count) if augmentation else NO_VIEWS,
        max_pixels=context.data.info["settings"]["max_pixels"],
        report=context.report,
        processes=context.processes,
    )
    if augmentation is None:
        return ImageTokens(store, store.lookup(digests))
    keys = [augmentation.view_key(digest, view) for digest in digests for view in range(count)]
    hashes = np.array([view_hash(augmentation.seed, digest) for digest in digests], dtype=np.uint64)
    return ViewTokens(ImageTokens(store, store.lookup(keys)), count, hashes)
