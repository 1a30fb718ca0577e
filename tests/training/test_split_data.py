from __future__ import annotations

import numpy as np
import torch

from tests.tiny_runs import draw_photo, tiny_preprocessor
from vqa_cli.training.split_data import Pixels


def test_pixels_are_those_of_the_preprocessor_and_lie_channels_last(tmp_path):
    files = [tmp_path / f"{number}.png" for number in range(3)]
    for number, file in enumerate(files):
        draw_photo(number).save(file)
    images = Pixels(files, tiny_preprocessor(), threads=1)
    for _ in range(2):  # read, then remembered
        found = images(np.array([2, 0]))["pixel_values"]
        assert found.is_contiguous(memory_format=torch.channels_last)
        np.testing.assert_array_equal(found, tiny_preprocessor().images([files[2], files[0]]))
