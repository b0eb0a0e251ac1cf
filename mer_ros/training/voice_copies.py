"""Clips of voices and copies of them, through the part of the encoder that is not trained: made once, and kept."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from mer_ros.audio.listener import SpeechListener
from mer_ros.audio.prosody import prosody
from mer_ros.corpora.sound import heard, read_sound
from mer_ros.corpora.speech import Clips
from mer_ros.errors import InputError
from mer_ros.training.loop import use_bfloat16
from mer_ros.training.moonshine import load_encoder
from mer_ros.training.networks.voice import BELOW, lower_frames
from mer_ros.training.networks.voice_encoder import WIDTH, VoiceEncoder
from mer_ros.training.voices import vary_voice

Voice = NDArray[np.int16]


@dataclass(frozen=True)
class Copy:
    """Of N clips. frames: float16 [N][T, 288]. prosody: float32 [N, 36]."""

    frames: list[NDArray[np.float16]]
    prosody: NDArray[np.float32]


def lower_layers() -> VoiceEncoder:
    """The encoder without the layers that are trained. Raises what `load_encoder` does."""
    encoder = load_encoder()
    del encoder.layers[BELOW:]
    del encoder.norm
    return encoder


def make_copies(clips: Clips, run: Path, copies: int, seed: int = 1, progress: bool = True) -> list[Copy]:
    """The first is what the live graph hears of the clips, the others are by other voices in other rooms.

    Files in `run` that an earlier call left are used. Raises InputError when they are of other clips.
    """
    run.mkdir(parents=True, exist_ok=True)
    made: list[Copy] = []
    voices: list[Voice] | None = None
    below = lower_layers()
    for k in range(copies):
        file = run / f"copy-{k:02}.npz"
        if not file.is_file():
            voices = voices or _voices(clips, run / "voices.npz", progress)
            _make(voices, below, k, seed, file, progress)
        made.append(_read(file, len(clips)))
    return made


def _make(voices: list[Voice], below: VoiceEncoder, k: int, seed: int, file: Path, progress: bool) -> None:
    generator = np.random.default_rng((seed, k))
    scaled = [voice / 32768.0 for voice in voices]
    frames, numbers = [], []
    for voice in tqdm(scaled, f"copy {k}", mininterval=2.0, disable=not progress):
        sound = vary_voice(voice, scaled, generator) if k else voice
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=use_bfloat16(True)):
            of_voice = lower_frames(below, torch.from_numpy(sound.astype(np.float32))[None])[0]
        frames.append(of_voice.half().numpy())
        numbers.append(prosody(sound))
    _save(file, lengths=[len(f) for f in frames], frames=np.concatenate(frames), prosody=np.stack(numbers))


def _read(file: Path, count: int) -> Copy:
    content = np.load(file)
    lengths = content["lengths"]
    if len(lengths) != count:
        raise InputError(f"{file} is of {len(lengths)} clips, not {count}; remove it, or name another --output")
    frames = content["frames"].reshape(-1, WIDTH)
    return Copy(np.split(frames, np.cumsum(lengths)[:-1]), content["prosody"])


def _voices(clips: Clips, file: Path, progress: bool) -> list[Voice]:
    """What the live graph hears of each clip."""
    if not file.is_file():
        listener = SpeechListener()
        pieces = []
        for path in tqdm(clips.paths, "hearing", mininterval=2.0, disable=not progress):
            whole = read_sound(path)
            if not len(whole):
                raise InputError(f"{path} holds no sample; restore it, or remove it from the list.")
            pieces.append(heard(whole, listener))
        _save(file, lengths=[len(p) for p in pieces], samples=np.concatenate(pieces))
    content = np.load(file)
    if len(content["lengths"]) != len(clips):
        raise InputError(f"{file} is of {len(content['lengths'])} clips; remove it, or name another --output")
    return np.split(content["samples"], np.cumsum(content["lengths"])[:-1])


def _save(file: Path, **arrays: Any) -> None:
    """Write whole or not at all."""
    part = file.with_suffix(".part")
    with part.open("wb") as stream:
        np.savez(stream, **arrays)
    part.replace(file)
