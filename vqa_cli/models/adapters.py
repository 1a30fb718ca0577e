"""Adapters of peft inside an encoder: LoRA, AdaLoRA and (IA)³. The only importer of peft.

    LoRA     Hu et al., 2021, arXiv:2106.09685
    AdaLoRA  Zhang et al., 2023, arXiv:2303.10512; its ranks are in `rank_allocation`
    (IA)³    Liu et al., 2022, arXiv:2205.05638

All of them are merged into the encoder's own weights in the end.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn

from vqa_cli.models.libraries import explained_imports

with explained_imports():
    from peft import AdaLoraConfig, IA3Config, LoraConfig, inject_adapter_in_model
    from peft.tuners.tuners_utils import BaseTunerLayer

ADAPTER = "default"
"""peft's name of the one adapter that a module has."""

SCALE = 2
"""What the low-rank update is multiplied by: peft's lora_alpha / rank."""

KEYS_AND_VALUES = re.compile(
    r"(.*\.)?(key|value|k|v|k_lin|v_lin|[kv]_proj|key_proj|value_proj|in_proj|qkv|kv)"
)
FEED_FORWARD = re.compile(
    r"(.*\.)?(mlp\w*\.fc2|ffn\.lin2|ffn_output|(?<!attention\.)output\.dense)"
)
"""Where (IA)³ rescales: what these linear layers of transformers give, and what those read. Where
one layer gives queries as well (`qkv`), these are rescaled with the rest."""


def targets(encoder: nn.Module, run: Callable[[], object], kind: str) -> list[str]:
    """Return the names of the encoder's modules that adapters of a `kind` can go into.

    kind: `lora`, `adalora` or `ia3`. run: lets the encoder encode something. Modules count that
    are called then: some networks have unused ones, and some use the weights of a module without
    calling it, so that an adapter in it would learn nothing.
    """
    called: list[str] = []
    handles = [
        module.register_forward_pre_hook(lambda module, args, name=name: called.append(name))
        for name, module in encoder.named_modules()
        if type(module) in (nn.Linear, nn.Conv2d)  # subclasses do something else with the weights
    ]
    try:
        with torch.no_grad():
            run()
    finally:
        for handle in handles:
            handle.remove()
    modules = {name: encoder.get_submodule(name) for name in dict.fromkeys(called)}
    if kind == "ia3":
        return _rescaled(modules)
    return [name for name, module in modules.items() if _has_low_rank_form(module, kind)]


def _rescaled(modules: dict[str, nn.Module]) -> list[str]:
    """Keys, values and feed-forward layers of transformers; all convolutions of other networks."""
    linear = [name for name, module in modules.items() if isinstance(module, nn.Linear)]
    chosen = [n for n in linear if KEYS_AND_VALUES.fullmatch(n) or FEED_FORWARD.fullmatch(n)]
    return chosen or [name for name, module in modules.items() if isinstance(module, nn.Conv2d)]


def _has_low_rank_form(module: nn.Module, kind: str) -> bool:
    """Whether peft has an update for this layer that can be merged.

    None for grouped convolutions, and LoRA's forgets the dilation of a dilated one.
    """
    if not isinstance(module, nn.Conv2d):
        return True
    dilated = kind == "lora" and tuple(module.dilation) != (1, 1)
    return module.groups == 1 and module.padding_mode == "zeros" and not dilated


def inject(inner: nn.Module, names: list[str], kind: str, rank: int) -> Any:
    """Put adapters into the modules `names` of a network and return peft's config.

    From then on the adapters alone learn. rank: of LoRA; for AdaLoRA the mean rank in the end.
    """
    config = _config(
        _any_of(names), _any_of([n for n in names if FEED_FORWARD.fullmatch(n)]), kind, rank
    )
    inject_adapter_in_model(config, inner, ADAPTER)
    return config


def _config(modules: str, feed_forward: str, kind: str, rank: int) -> Any:
    if kind == "ia3":
        return IA3Config(target_modules=modules, feedforward_modules=feed_forward)
    if kind == "lora":
        return LoraConfig(target_modules=modules, r=rank, lora_alpha=SCALE * rank)
    first = first_rank(rank)
    return AdaLoraConfig(
        target_modules=modules,
        init_r=first,
        target_r=rank,
        lora_alpha=SCALE * first,
        total_step=2,  # the schedule is `rank_allocation`'s
    )


def first_rank(rank: int) -> int:
    """Return the rank that AdaLoRA begins with: 1.5 times that of the end, as in the paper."""
    return -(-3 * rank // 2)


def _any_of(names: list[str]) -> str:
    """Return a regular expression for just these names; peft takes a list for endings of names."""
    return "|".join(map(re.escape, names)) or "(?!)"


def merged_state(model: nn.Module) -> dict[str, Tensor]:
    """Return the state dict of a model as if it had no adapters: they are in the weights.

    The model itself stays as it is: a copy of each adapted layer is merged.
    """
    state = model.state_dict()
    for name, module in model.named_modules():
        if isinstance(module, BaseTunerLayer):
            for key in module.state_dict():
                del state[f"{name}.{key}"]
            copied = deepcopy(module)
            copied.merge()
            base = copied.get_base_layer().state_dict()
            state |= {f"{name}.{key}": tensor for key, tensor in base.items()}
    return state
