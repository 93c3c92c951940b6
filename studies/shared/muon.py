# SPDX-License-Identifier: Apache-2.0
"""Muon (Jordan et al. 2024) for the layers' matrices, AdamW for everything else.

On the models of program synthesis it reached AdamW's best development loss in less than half of the steps.
"""

import math

import torch

MOMENTUM = 0.95
COEFFICIENTS = 3.4445, -4.7750, 2.0315  # of the quintic iteration that takes singular values near 1
ITERATIONS = 5


def orthogonalize(matrices: torch.Tensor) -> torch.Tensor:
    """Each of [n, rows, columns], rows <= columns, with its singular values brought near 1."""
    a, b, c = COEFFICIENTS
    x = matrices / (matrices.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


class Optimizer:
    """Takes the gradients of `model`'s trainable parameters. Matrices of equal shape are orthogonalized
    together: one product of many small matrices costs far less than as many products.

    Muon gets the two-dimensional parameters under "layers.", except the factors of adapters.
    AdamW's learning rate is `adam_share` of Muon's."""

    def __init__(self, model: torch.nn.Module, weight_decay: float, adam_share: float = 1.0):
        named = {name: p for name, p in model.named_parameters() if p.requires_grad}
        matrices = [
            p
            for name, p in named.items()
            if name.startswith("layers.") and p.ndim == 2 and "lora_" not in name
        ]
        chosen = {id(p) for p in matrices}
        self.groups: dict[tuple[int, int], list[torch.nn.Parameter]] = {}
        for p in matrices:
            self.groups.setdefault((min(p.shape), max(p.shape)), []).append(p)
        self.momenta = {
            shape: torch.zeros(len(ps), *shape, device=ps[0].device)
            for shape, ps in self.groups.items()
        }
        self.weight_decay, self.adam_share = weight_decay, adam_share
        self.adam = torch.optim.AdamW(
            [p for p in named.values() if id(p) not in chosen],
            betas=(0.9, 0.98),
            weight_decay=weight_decay,
            foreach=True,
        )

    @torch.no_grad()
    def step(self, rate: float):
        for shape, parameters in self.groups.items():
            wide = [p.shape[0] <= p.shape[1] for p in parameters]
            gradient = torch.stack([p.grad if w else p.grad.T for p, w in zip(parameters, wide)])
            momentum = self.momenta[shape].mul_(MOMENTUM).add_(gradient)
            update = orthogonalize(gradient.add_(momentum, alpha=MOMENTUM))
            for p, u, w in zip(parameters, update, wide):
                p.mul_(1 - rate * self.weight_decay)
                p.add_(u if w else u.T, alpha=-0.2 * rate * math.sqrt(shape[1]))
                p.grad = None
        for group in self.adam.param_groups:
            group["lr"] = self.adam_share * rate
        self.adam.step()
        self.adam.zero_grad(set_to_none=True)

    def state_dict(self) -> dict:
        return {"momenta": self.momenta, "adam": self.adam.state_dict()}

    def load_state_dict(self, state: dict):
        self.momenta = state["momenta"]
        self.adam.load_state_dict(state["adam"])
