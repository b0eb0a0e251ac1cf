"""eSpeak NG, a formant synthesiser: sounds, or phonemes for a better voice.

The package `espeakng-loader` carries the library and its data. eSpeak NG is under the GPL-3: it is a tool of training
and evaluation here, and no part of what runs on a robot.
"""

from __future__ import annotations

import ctypes
import re
from typing import Any

import numpy as np
import soxr
from numpy.typing import NDArray

from mer_ros.errors import InputError, MissingDependencyError, ModelError
from mer_ros.utterance import SAMPLE_RATE

# espeak-ng/speak_lib.h
_SYNCHRONOUS, _BUFFER_MS = 2, 200
_RATE, _PITCH = 1, 3
_POSITION_CHARACTER, _CHARS_UTF8, _IPA = 1, 1, 2
_CALLBACK = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_short), ctypes.c_int, ctypes.c_void_p)
_CLAUSE = re.compile(r"([^.,!?;:]+)([.,!?;:]?)[.,!?;:\s]*")


class Espeak:
    """The library. It has one state a process: objects of this class share it."""

    _library: Any = None
    _rate = 0

    def __init__(self) -> None:
        """Raises MissingDependencyError, ModelError."""
        if Espeak._library is None:
            Espeak._library, Espeak._rate = _open()

    def say(self, text: str, voice: str, words_per_minute: int, pitch: int) -> NDArray[np.int16]:
        """The text as int16 [n], 16 kHz mono; by some samples another one each time, as its state is kept.

        voice: language and variant, as en-us+f3. pitch: 0..100. Raises InputError for a voice that is not there.
        """
        self._set_voice(voice)
        self._library.espeak_SetParameter(_RATE, words_per_minute, 0)
        self._library.espeak_SetParameter(_PITCH, pitch, 0)
        pieces: list[NDArray[np.int16]] = []

        @_CALLBACK
        def keep(samples: Any, count: int, _events: Any) -> int:
            if samples and count > 0:
                pieces.append(np.ctypeslib.as_array(samples, (count,)).copy())
            return 0

        self._library.espeak_SetSynthCallback(keep)
        spoken = text.replace("\0", " ").encode() + b"\0"
        status = self._library.espeak_Synth(
            spoken, ctypes.c_size_t(len(spoken)), 0, _POSITION_CHARACTER, 0, _CHARS_UTF8, None, None
        )
        if status != 0:
            raise InputError(f"eSpeak NG cannot speak {text!r} (status {status}); leave it out")
        sound = np.concatenate([np.zeros(0, np.int16), *pieces])
        return soxr.resample(sound, self._rate, SAMPLE_RATE).astype(np.int16)

    def phonemes(self, text: str, voice: str = "en-us") -> str:
        """The text in the International Phonetic Alphabet, with the marks that end its clauses."""
        self._set_voice(voice)
        clauses = []
        for words, mark in _CLAUSE.findall(text.replace("\0", " ")):
            left, parts = ctypes.c_char_p(words.encode()), []
            while left.value:  # it moves on until nothing is left
                parts.append(self._library.espeak_TextToPhonemes(ctypes.byref(left), _CHARS_UTF8, _IPA).decode())
            clauses.append(" ".join(parts).strip() + mark)
        return " ".join(clauses)

    def _set_voice(self, voice: str) -> None:
        if self._library.espeak_SetVoiceByName(voice.encode()) != 0:
            raise InputError(f"eSpeak NG has no voice {voice!r}; use a language and a variant, as en-us+f3")


def _open() -> tuple[Any, int]:
    try:
        import espeakng_loader

        library = ctypes.CDLL(espeakng_loader.get_library_path())
    except (ImportError, OSError) as error:
        raise MissingDependencyError(
            f"the synthetic voice eSpeak NG cannot be loaded ({error}); pip install espeakng-loader"
        ) from error
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    folder = espeakng_loader.get_data_path()
    rate = library.espeak_Initialize(_SYNCHRONOUS, _BUFFER_MS, folder.encode(), 0)
    if rate <= 0:
        raise ModelError(f"eSpeak NG finds no data in {folder}; install espeakng-loader again")
    return library, int(rate)
