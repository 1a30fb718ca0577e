from __future__ import annotations

import json
from pathlib import Path

import pytest
import timm
import torch
from safetensors.torch import save_file
from torch import nn

from vqa_cli.errors import ModelError
from vqa_cli.models.image_encoder import (
    ImageEncoder,
    ImageEncoderConfig,
    load_image_encoder,
)


@pytest.fixture(autouse=True)
def _no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def config(architecture: str, size: int, **kwargs: object) -> ImageEncoderConfig:
    half = (0.5, 0.5, 0.5)
    return ImageEncoderConfig(architecture, (size, size), half, half, "bicubic", dict(kwargs))


@pytest.fixture(scope="module")
def resnet_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in timm's own layout, classifier included."""
    folder = tmp_path_factory.mktemp("weights") / "test_resnet"
    folder.mkdir()
    torch.manual_seed(3)
    model = timm.create_model("test_resnet", num_classes=10)
    save_file(model.state_dict(), folder / "model.safetensors")
    pretrained = {"mean": [0.1, 0.2, 0.3], "std": [0.4, 0.5, 0.6], "input_size": [3, 64, 64]}
    pretrained |= {"interpolation": "bilinear", "num_classes": 10, "classifier": "fc"}
    pretrained |= {"first_conv": "conv1.0"}
    content = {"architecture": "test_resnet", "num_classes": 10, "pretrained_cfg": pretrained}
    (folder / "config.json").write_text(json.dumps(content))
    return folder


@pytest.mark.parametrize(
    ("architecture", "kwargs", "tokens", "width"),
    [
        ("test_resnet", {}, 4, 96),
        ("test_vit", {"img_size": 64}, 1 + 16, 64),  # the class token comes first
        ("test_convnext", {}, 4, 64),
        ("test_efficientnet", {}, 4, 256),
    ],
)
def test_every_backbone_gives_tokens(
    architecture: str, kwargs: dict[str, int], tokens: int, width: int
) -> None:
    encoder = ImageEncoder.from_config(config(architecture, 64, **kwargs)).eval()
    encoded = encoder(torch.randn(2, 3, 64, 64))
    assert encoded.shape == (2, tokens, width) == (2, encoder.tokens, encoder.width)


def test_a_channels_last_backbone_gives_tokens_row_by_row() -> None:
    encoder = ImageEncoder.from_config(
        config("swin_tiny_patch4_window7_224", 64, img_size=64, embed_dim=24, depths=(1, 1))
    ).eval()
    pixels = torch.randn(1, 3, 64, 64)
    grid = encoder.backbone.forward_features(pixels)  # (B,H',W',D)
    assert grid.shape[1] == grid.shape[2] == 8
    torch.testing.assert_close(encoder(pixels)[0, 9], grid[0, 1, 1])


def test_a_grid_is_flattened_row_by_row() -> None:
    encoder = ImageEncoder.from_config(config("test_resnet", 96)).eval()
    pixels = torch.randn(1, 3, 96, 96)
    grid = encoder.backbone.forward_features(pixels)  # (B,D,3,3)
    torch.testing.assert_close(encoder(pixels)[0, 5], grid[0, :, 1, 2])


def test_batch_norm_keeps_its_statistics_in_training() -> None:
    encoder = ImageEncoder.from_config(config("test_resnet", 64)).train()
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm2d)]
    assert norms
    assert not any(norm.training for norm in norms)
    assert encoder.backbone.training
    before = norms[0].running_mean.clone()
    encoder(torch.randn(2, 3, 64, 64))
    assert torch.equal(norms[0].running_mean, before)


def test_a_frozen_encoder_stays_in_evaluation_mode() -> None:
    encoder = ImageEncoder.from_config(config("test_vit", 64, img_size=64))
    encoder.freeze()
    encoder.train()
    assert not encoder.training
    assert not any(p.requires_grad for p in encoder.parameters())


def test_a_timm_folder_brings_weights_and_data_config(resnet_folder: Path) -> None:
    encoder = load_image_encoder(str(resnet_folder))
    assert encoder.config.mean == (0.1, 0.2, 0.3)
    assert encoder.config.interpolation == "bilinear"
    assert encoder.config.image_size == (64, 64)
    torch.manual_seed(3)
    model = timm.create_model("test_resnet", num_classes=10).eval()
    pixels = torch.randn(1, 3, 64, 64)
    expected = model.forward_features(pixels).flatten(2).transpose(1, 2)
    torch.testing.assert_close(encoder(pixels), expected)


def test_a_weights_file_is_loaded_by_the_architecture_named(resnet_folder: Path) -> None:
    file = resnet_folder / "model.safetensors"
    named = load_image_encoder(f"test_resnet@{file}")
    whole = load_image_encoder(str(resnet_folder))
    assert torch.equal(named.backbone.conv1[0].weight, whole.backbone.conv1[0].weight)


def test_a_weights_file_may_name_its_architecture(resnet_folder: Path, tmp_path: Path) -> None:
    file = tmp_path / "weights.safetensors"
    state = timm.create_model("test_resnet").state_dict()
    save_file(state, file, metadata={"architecture": "test_resnet"})
    assert load_image_encoder(str(file)).config.architecture == "test_resnet"
    with pytest.raises(ModelError, match="does not say which architecture"):
        load_image_encoder(str(resnet_folder / "model.safetensors"))


def test_another_image_size(resnet_folder: Path, tmp_path: Path) -> None:
    assert load_image_encoder(str(resnet_folder), image_size=96).tokens == 9
    file = tmp_path / "vit.safetensors"
    save_file(timm.create_model("test_vit").state_dict(), file)
    assert load_image_encoder(f"test_vit@{file}", image_size=96).tokens == 1 + 36


def test_an_unknown_name_is_an_error_with_the_nearest_ones() -> None:
    with pytest.raises(ModelError, match="resnet50"):
        load_image_encoder("resnett50")


def test_pickles_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "weights.pth"
    file.write_bytes(b"")
    for source in (str(file), f"test_resnet@{file}"):
        with pytest.raises(ModelError, match="safetensors"):
            load_image_encoder(source)


def test_weights_of_another_architecture_are_refused(resnet_folder: Path) -> None:
    with pytest.raises(ModelError, match="do not fit"):
        load_image_encoder(f"test_vit@{resnet_folder / 'model.safetensors'}")


def test_a_folder_without_a_timm_model_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match=r"config\.json cannot be read"):
        load_image_encoder(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(ModelError, match="architecture"):
        load_image_encoder(str(tmp_path))


def test_a_hub_name_without_network_says_how_to_go_on() -> None:
    with pytest.raises(ModelError, match="--preset tiny"):
        load_image_encoder("resnet50.a1_in1k", offline=True)
