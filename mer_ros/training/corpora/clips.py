"""MELD's video clips (`diaX_uttY.mp4`), for those who have them: frames, words and voice of one utterance, aligned."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from mer_ros.audio.features import feature_matrix
from mer_ros.corpora.sound import read_sound
from mer_ros.corpora.text import read_meld
from mer_ros.errors import InputError
from mer_ros.training.generated import FRAMES, Aligned

# The folders that MELD's archives unpack to.
FOLDERS = {"train": ("train_splits", "train"), "dev": ("dev_splits_complete", "dev")}


def find_clips(data: Path, part: str) -> Path:
    """The folder of a part's clips, inside `data`/meld or `data` itself, MELD's.

    Raises InputError, which names what was looked for.
    """
    for place in (Path(data) / top / name for top in ("meld", ".") for name in FOLDERS[part]):
        if place.is_dir() and any(place.glob("dia*_utt*.mp4")):
            return place
    names = " or ".join(f"{name}/dia*_utt*.mp4" for name in FOLDERS[part])
    raise InputError(
        f"{data} holds no {part} clips of MELD: there is no {names} in it, nor in meld inside of it; name the folder "
        "that holds them, or ask for made-up samples with --generated"
    )


def read_frames(path: Path, count: int = FRAMES[0]) -> NDArray[np.uint8]:
    """uint8 [count, 84, 150, 3]: frames evenly spread over a video. Raises InputError."""
    import av

    height, width = FRAMES[1:3]
    try:
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise InputError(f"{path} holds no pictures; give a video.")
            frames = [
                frame.reformat(width=width, height=height, format="rgb24").to_ndarray()
                for frame in container.decode(video=0)
            ]
    except (av.FFmpegError, OSError) as error:
        raise InputError(f"{path} cannot be read as a video ({error}); restore it, or remove it.") from error
    if not frames:
        raise InputError(f"{path} holds no frame; restore it, or remove it.")
    return np.stack([frames[i] for i in np.linspace(0, len(frames) - 1, count).round().astype(int)])


def load_clips(data: Path, part: str, progress: bool = True) -> tuple[Aligned, int]:
    """The utterances of MELD's csv that have a clip, and how many had none."""
    folder = find_clips(data, part)
    lines = read_meld(folder.parent / f"{part}_sent_emo.csv")
    names = [f"dia{d}_utt{u}.mp4" for d, u in zip(lines.dialogues, lines.turns, strict=True)]
    rows = [i for i, name in enumerate(names) if (folder / name).is_file()]
    if not rows:
        raise InputError(f"none of {folder}'s clips is named in {part}_sent_emo.csv; they must be of one part.")
    frames, features = [], []
    for i in tqdm(rows, "clips", disable=not progress):
        frames.append(read_frames(folder / names[i]))
        features.append(feature_matrix(read_sound(folder / names[i])))
    chosen = lines.rows(np.array(rows))
    return (
        Aligned(np.stack(frames), chosen.texts, np.stack(features), chosen.labels, chosen.sentiments),
        len(names) - len(rows),
    )
