"""Random changes of face images that leave the emotion as it is, on whole batches."""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def augment_faces(faces: torch.Tensor, strength: float = 1.0) -> torch.Tensor:
    """float [B, 1, H, W], 0..1, mirrored, turned, scaled, moved, relit, and partly erased at random.

    strength: 0..1, of everything but the mirroring; at 1 it turns by up to 15 degrees and scales by up to 15 %.
    """
    n = len(faces)
    angle = (torch.rand(n) * 2 - 1) * math.radians(15) * strength
    scale = 1.0 + (torch.rand(n) * 2 - 1) * 0.15 * strength
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    shift = (torch.rand(n, 2) * 2 - 1) * 0.14 * strength
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    matrix = torch.stack(
        (torch.stack((cos * mirror, -sin, shift[:, 0]), 1), torch.stack((sin * mirror, cos, shift[:, 1]), 1)),
        1,
    )
    grid = functional.affine_grid(matrix, list(faces.shape), align_corners=False)
    moved = functional.grid_sample(faces, grid, padding_mode="reflection", align_corners=False)
    gamma = torch.exp((torch.rand(n, 1, 1, 1) * 2 - 1) * 0.3)
    return _erase(moved.clamp(0, 1) ** gamma, chance=0.5 * strength)


def _erase(faces: torch.Tensor, chance: float) -> torch.Tensor:
    """Set one rectangle, of 15 to 45 % of each side, to noise, in this share of the images."""
    n, _, height, width = faces.shape
    size = 0.15 + torch.rand(n, 2) * 0.3
    start = torch.rand(n, 2) * (1 - size)
    rows = torch.arange(height) / height
    columns = torch.arange(width) / width
    in_rows = (rows >= start[:, :1]) & (rows < start[:, :1] + size[:, :1])
    in_columns = (columns >= start[:, 1:]) & (columns < start[:, 1:] + size[:, 1:])
    inside = in_rows[:, None, :, None] & in_columns[:, None, None, :]
    inside &= (torch.rand(n) < chance).view(n, 1, 1, 1)
    return torch.where(inside, torch.rand_like(faces), faces)
