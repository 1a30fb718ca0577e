"""Any timm backbone as an encoder from images to image tokens. The only importer of its models."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn

from vqa_cli.errors import ModelError
from vqa_cli.models import hub
from vqa_cli.models.libraries import explained_imports
from vqa_cli.models.virtual_tokens import VirtualTokens

with explained_imports():
    import timm
    from timm.data.config import resolve_data_config
    from timm.models import VisionTransformer, get_pretrained_cfg, group_parameters


@dataclass(frozen=True)
class ImageEncoderConfig:
    """What is needed to build the architecture again, without weights and without network."""

    architecture: str
    image_size: tuple[int, int]
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    interpolation: str
    kwargs: dict[str, Any] = field(default_factory=dict)
    virtual_tokens: int = 0  # learned ones, in front of a ViT's

    @classmethod
    def from_mapping(cls, values: dict[str, Any]) -> Self:
        """Build from JSON's plain values."""
        tuples = {name: tuple(values[name]) for name in ("image_size", "mean", "std")}
        return cls(**{**values, **tuples})

    def to_mapping(self) -> dict[str, Any]:
        return asdict(self)


class ImageEncoder(nn.Module):
    """pixel_values (B,3,H,W) -> image tokens (B,N,D): a ResNet's grid and a ViT's patches alike.

    A ViT's prefix tokens (its class token) come first, then the grid row by row. Virtual tokens
    are left out again.
    """

    def __init__(self, backbone: Any, config: ImageEncoderConfig) -> None:
        super().__init__()
        self.backbone = backbone
        self.config = config
        self.virtual_tokens: VirtualTokens | None = None
        self.frozen = False
        if config.virtual_tokens:
            self.add_virtual_tokens(config.virtual_tokens)
        with torch.inference_mode():
            tokens = self.eval()(torch.zeros(1, 3, *config.image_size))
        self.tokens: int = tokens.shape[1]
        self.width: int = tokens.shape[2]

    @classmethod
    def from_config(cls, config: ImageEncoderConfig) -> ImageEncoder:
        """Build with random weights."""
        return cls(_create(config.architecture, config.kwargs), config)

    def forward(self, pixel_values: Tensor) -> Tensor:
        """Encode normalised pixels (B,3,H,W) into tokens (B,N,D)."""
        features = self.backbone.forward_features(pixel_values)
        if self.virtual_tokens is not None:
            return self.virtual_tokens.drop(features)
        if features.ndim == 3:  # (B,N,D) already
            return features
        if getattr(self.backbone, "output_fmt", "NCHW") == "NHWC":
            return features.flatten(1, 2)  # (B,H',W',D) -> (B,N,D)
        return features.flatten(2).transpose(1, 2)  # (B,D,H',W') -> (B,N,D)

    @property
    def grid(self) -> tuple[int, int] | None:
        """The rows and columns in which the last of its tokens lie; None where they lie in none.

        A ViT's class and register tokens come before them.
        """
        count = self.tokens - int(getattr(self.backbone, "num_prefix_tokens", 0))
        height, width = self.config.image_size
        rows = round((count * height / width) ** 0.5)
        return (rows, count // rows) if rows and count % rows == 0 else None

    @property
    def name(self) -> str:
        """What kind of network it is, for messages."""
        return self.config.architecture

    def layers(self) -> list[list[nn.Parameter]]:
        """Return its layers from the bottom up: a ViT's blocks, the stages of other networks.

        They are timm's own groups for layer-wise rates. The first is what comes before them: the
        stem, or the patches' embedding. Norms after the last one belong to it.
        """
        matcher = self.backbone.group_matcher(coarse=True)
        groups = group_parameters(self.backbone, matcher, return_values=True)
        first, *others = (list(groups[number]) for number in sorted(groups))
        if all(parameter.ndim == 1 for parameter in others[-1]):
            others[-2:] = [others[-2] + others[-1]]
        return [first, *others]

    @property
    def takes_virtual_tokens(self) -> bool:
        return isinstance(self.backbone, VisionTransformer)

    def add_virtual_tokens(self, count: int) -> None:
        """Put `count` learned tokens between a ViT's own ones and its first block."""
        assert self.takes_virtual_tokens
        tokens = VirtualTokens(count, self.backbone.embed_dim)
        height, width = self.backbone.patch_embed.patch_size
        tokens.begin_uniform(3 * height * width)
        self.virtual_tokens = tokens
        self.config = replace(self.config, virtual_tokens=count)
        self.backbone.blocks.register_forward_pre_hook(self._put_in_front)

    def _put_in_front(self, blocks: nn.Module, args: tuple[Tensor]) -> Tensor:
        assert self.virtual_tokens is not None
        return self.virtual_tokens(args[0])

    def freeze(self) -> None:
        """Stop learning: no gradients, and evaluation mode for good."""
        self.frozen = True
        self.requires_grad_(False)
        self.eval()

    def train(self, mode: bool = True) -> Self:
        """Switch to training mode, except what must keep its statistics.

        Batches of a few images have worse statistics than the ones that batch norm brings from
        pretraining, and they would make an image's tokens depend on its neighbours.
        """
        super().train(mode and not self.frozen)
        for module in self.modules():
            if isinstance(module, nn.modules.batchnorm._BatchNorm):
                module.eval()
        return self


def load_image_encoder(
    source: str, *, image_size: int | None = None, offline: bool = False
) -> ImageEncoder:
    """Load a pretrained encoder: a timm name, a local folder, or NAME@FILE.safetensors.

    Raises ModelError: unknown name (with the nearest ones), weights that cannot be had, a folder
    or file that holds no timm model.
    """
    if "@" in source:
        name, _, file = source.partition("@")
        return _from_weights(name, {}, _pretrained_config(name), Path(file), image_size)
    path = Path(source).expanduser()
    if path.is_dir():
        return _from_folder(path, image_size)
    if path.suffix == ".safetensors":
        return _from_file(path, image_size)
    if path.is_file() or path.suffix in {".pth", ".pt", ".bin"}:
        raise ModelError(
            f"--image-encoder {source}: only safetensors weights are loaded, never a pickle; "
            "convert the file once with safetensors.torch.save_file"
        )
    pretrained = _pretrained_config(source)
    repository = pretrained.get("hf_hub_id")
    if not repository:
        raise ModelError(
            f"--image-encoder {source}: timm has no pretrained weights for it on the hub; give "
            f"yours as {source}@FILE.safetensors"
        )
    folder = hub.fetch(repository, "--image-encoder", offline=offline)
    return _from_folder(folder, image_size)


def default_repository(name: str) -> str:
    """Return the hub repository that a timm name's pretrained weights come from."""
    return str(_pretrained_config(name)["hf_hub_id"])


def _pretrained_config(name: str) -> dict[str, Any]:
    if not timm.is_model(name):
        near = get_close_matches(name.split(".")[0], timm.list_models(), n=3, cutoff=0.5)
        hint = f"the nearest are {', '.join(near)}" if near else "timm.list_models() has them all"
        raise ModelError(
            f"--image-encoder {name!r} is neither a timm model nor a local folder; {hint}"
        )
    found = get_pretrained_cfg(name, allow_unregistered=True)
    return dict(found.to_dict()) if found else {}


def _from_folder(folder: Path, image_size: int | None) -> ImageEncoder:
    """Load timm's own folder layout: config.json and model.safetensors."""
    try:
        config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        architecture = config["architecture"]
    except OSError as error:
        raise ModelError(
            f"--image-encoder {folder}: no timm model folder: config.json cannot be read: "
            f"{error.strerror or error}"
        ) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ModelError(
            f"--image-encoder {folder}: no timm model folder: config.json must name an "
            "`architecture`"
        ) from error
    pretrained = config.get("pretrained_cfg") or config
    kwargs = config.get("model_args") or {}
    return _from_weights(architecture, kwargs, pretrained, folder / "model.safetensors", image_size)


def _from_file(path: Path, image_size: int | None) -> ImageEncoder:
    """Load a weights file whose own metadata names the architecture."""
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
    except (OSError, SafetensorError) as error:
        raise ModelError(f"--image-encoder {path}: cannot be read: {error}") from error
    if "architecture" not in metadata:
        raise ModelError(
            f"--image-encoder {path}: the file does not say which architecture it is for; name it, "
            f"for example resnet50@{path}"
        )
    name = metadata["architecture"]
    return _from_weights(name, {}, _pretrained_config(name), path, image_size)


def _from_weights(
    architecture: str,
    kwargs: dict[str, Any],
    pretrained: dict[str, Any],
    weights: Path,
    image_size: int | None,
) -> ImageEncoder:
    if not weights.is_file():
        raise ModelError(f"--image-encoder: there is no weights file {weights}")
    if weights.suffix != ".safetensors":
        raise ModelError(f"--image-encoder {weights}: only safetensors weights are loaded")
    kwargs = {name: value for name, value in kwargs.items() if name != "num_classes"}
    data = resolve_data_config(pretrained_cfg=pretrained)
    size = (image_size, image_size) if image_size else tuple(data["input_size"][1:])
    if image_size and pretrained.get("fixed_input_size"):
        kwargs["img_size"] = size
    overlay = {**pretrained, "file": str(weights)}
    try:
        backbone = _load(architecture, kwargs, overlay)
    except (RuntimeError, KeyError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise ModelError(
            f"--image-encoder: the weights in {weights} do not fit {architecture}: {reason}"
        ) from error
    config = ImageEncoderConfig(
        architecture=architecture,
        image_size=size,
        mean=tuple(data["mean"]),
        std=tuple(data["std"]),
        interpolation=data["interpolation"],
        kwargs=kwargs,
    )
    return ImageEncoder(backbone, config)


def _load(architecture: str, kwargs: dict[str, Any], pretrained: dict[str, Any]) -> nn.Module:
    """Build a timm model with the weights of `pretrained["file"]`.

    timm passes over weights that a file lacks, which would leave an encoder random in silence.
    So the same random model is built again: what is equal in both was not in the file.
    Raises RuntimeError then.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = _create(architecture, kwargs, pretrained=True, pretrained_cfg=pretrained)
        torch.manual_seed(0)
        random = _create(architecture, kwargs).state_dict()
    missing = [
        name
        for name, tensor in model.state_dict().items()
        if tensor.ndim > 1 and tensor.any() and torch.equal(tensor, random[name])
    ]
    if missing:
        raise RuntimeError(f"the file lacks {', '.join(missing[:3])} and so on")
    return model


def _create(architecture: str, kwargs: dict[str, Any], **loading: Any) -> nn.Module:
    """Build a timm model without its classifier; of ViTs also without pooling, which is ours."""
    model: nn.Module = timm.create_model(architecture, num_classes=0, **kwargs, **loading)
    for name in ("attn_pool", "head", "fc_norm"):
        # These come after forward_features: they would be weights that nothing uses.
        if isinstance(getattr(model, name, None), nn.Module):
            setattr(model, name, nn.Identity())
    return model
