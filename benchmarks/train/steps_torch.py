"""A training step in PyTorch's eager mode, and its parts."""

import numpy as np
import torch

from benchmarks.train.steps import Steps
from data.label_sets import IGNORED


def compiled(model, optimizer, images, labels, gpu: bool) -> Steps:
    """See `benchmarks.train.steps.compiled`."""
    device = "cuda" if gpu else "cpu"
    images = torch.from_numpy(np.ascontiguousarray(images)).to(device)
    labels = torch.from_numpy(labels.astype(np.int64)).flatten().to(device)  # [B * H * W]
    variables = model.trainable_variables

    def loss_of():
        logits = model(images, training=True)  # [B, H, W, C]
        return torch.nn.functional.cross_entropy(
            logits.reshape(-1, logits.shape[-1]), labels, ignore_index=IGNORED
        )

    def forward():
        return complete(loss_of())

    def differentiate():
        for variable in variables:
            variable.value.grad = None
        loss = loss_of()
        optimizer.scale_loss(loss).backward()
        return loss

    def step():
        loss = differentiate()
        with torch.no_grad():
            optimizer.apply([variable.value.grad for variable in variables], variables)
        return complete(loss)

    def complete(loss):
        if gpu:
            torch.cuda.synchronize()
        return float(loss.detach())

    return Steps(forward, lambda: complete(differentiate()), step)
