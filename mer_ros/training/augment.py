"""Random changes of face images that leave the emotion as it is, on whole batches.

They are the ways in which a robot's faces differ from web photographs: turned, nearer or farther, off the middle,
lit from a side, dark or glaring, few pixels, blurred, noisy, partly hidden. Each befalls a part of the images only,
so that clean ones stay the most.
"""

from __future__ import annotations

import math

import torch
from torch.nn import functional


def augment_faces(faces: torch.Tensor, strength: float = 1.0, side: int | None = None) -> torch.Tensor:
    """float [B, 1, H, W], 0..1, mirrored, moved, relit, degraded and partly erased at random: [B, 1, side, side].

    strength: 0..1, scales how often and how much, but for the mirroring. side: of the crop that is taken, at the
    pictures' own scale; None: H.
    """
    moved = _move(faces, strength, side or faces.shape[2]).clamp(0, 1)
    return _erase(_degrade(_relight(moved, strength), strength), 0.4 * strength)


def mixed(images: torch.Tensor, targets: torch.Tensor, spread: float = 0.2) -> tuple[torch.Tensor, torch.Tensor]:
    """Mix-up (Zhang et al., arXiv 1710.09412): images [B, ...] and targets [B, 7] blended with those of others."""
    share = torch.distributions.Beta(spread, spread).sample((len(images),))
    share = torch.maximum(share, 1 - share)
    other = torch.randperm(len(images))
    wide = share.view(-1, *[1] * (images.ndim - 1))
    return wide * images + (1 - wide) * images[other], share[:, None] * targets + (1 - share[:, None]) * targets[other]


def _some(n: int, chance: float) -> torch.Tensor:
    """Row numbers of about this share of n."""
    return torch.nonzero(torch.rand(n) < chance).flatten()


def _move(faces: torch.Tensor, strength: float, side: int) -> torch.Tensor:
    """Mirror half; turn (normal, 10 degrees), scale (15 %) and stretch (5 %) six in ten; place the crop at random.

    The rest are moved by whole pixels, so that they stay as sharp as they are.
    """
    n, _, height, width = faces.shape
    turned = (torch.rand(n) < 0.6 * strength).float()
    angle = (torch.randn(n) * math.radians(10) * turned).clamp(-0.5, 0.5)
    scale = torch.exp((torch.rand(n) * 2 - 1) * 0.15 * turned)
    stretch = torch.exp((torch.rand(n) * 2 - 1) * 0.05 * turned)
    mirror = torch.where(torch.rand(n) < 0.5, -1.0, 1.0)
    reach = max((height - side) / 2, 2.0) + 1.0
    pixels = ((torch.rand(n, 2) * 2 - 1) * reach * min(1.0, 0.5 + strength / 2)).round()
    shift = pixels * 2 / torch.tensor([width, height])
    cos, sin = torch.cos(angle) * scale, torch.sin(angle) * scale
    rows = (
        torch.stack((cos * mirror * side / width * stretch, -sin * side / width, shift[:, 0]), 1),
        torch.stack((sin * mirror * side / height * stretch, cos * side / height, shift[:, 1]), 1),
    )
    grid = functional.affine_grid(torch.stack(rows, 1), [n, 1, side, side], align_corners=False)
    return functional.grid_sample(faces, grid, padding_mode="reflection", align_corners=False)


def _relight(faces: torch.Tensor, strength: float) -> torch.Tensor:
    """Gamma for all; light from a side, darkness to a few grey levels, or glare that clips, for some."""
    n, _, height, width = faces.shape
    lit = faces ** torch.exp((torch.rand(n, 1, 1, 1) * 2 - 1) * 0.35 * strength)
    angle = torch.rand(n, 1, 1, 1) * 2 * math.pi
    ramp = torch.cos(angle) * torch.linspace(-1, 1, width) + torch.sin(angle) * torch.linspace(-1, 1, height)[:, None]
    slope = torch.rand(n, 1, 1, 1) * 0.6 * (torch.rand(n, 1, 1, 1) < 0.25 * strength)
    lit = lit * (1 + slope * ramp)
    dark, bright = (torch.rand(n, 1, 1, 1) < 0.1 * strength for _ in range(2))
    level = torch.where(dark, torch.exp(-2.5 * torch.rand(n, 1, 1, 1)), 1 + bright * torch.rand(n, 1, 1, 1))
    return (lit * level * 255).round().clamp(0, 255) / 255


def _degrade(faces: torch.Tensor, strength: float) -> torch.Tensor:
    """Down to 14..36 pixels and back, Gaussian blur, sensor noise: each for some."""
    n, _, height, width = faces.shape
    changed = faces.clone()
    rows = _some(n, 0.2 * strength)
    for part in rows.chunk(2):
        if len(part):
            small = int(torch.randint(14, 37, ()))
            less = functional.interpolate(faces[part], (small, small), mode="bilinear", antialias=True)
            changed[part] = functional.interpolate(less, (height, width), mode="bilinear", align_corners=False)
    rows = _some(n, 0.1 * strength)
    if len(rows):
        kernel = torch.exp(-torch.arange(-4.0, 5.0).square() / (2 * float(0.5 + torch.rand(()) * 1.5) ** 2))
        kernel = (kernel / kernel.sum()).view(1, 1, 1, -1)
        blurred = functional.pad(changed[rows], (4, 4, 4, 4), mode="reflect")
        changed[rows] = functional.conv2d(functional.conv2d(blurred, kernel), kernel.transpose(2, 3))
    rows = _some(n, 0.15 * strength)
    noise = torch.rand(len(rows), 1, 1, 1) * 0.08 * torch.randn(len(rows), 1, height, width)
    changed[rows] = (changed[rows] + noise).clamp(0, 1)
    return changed


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
