"""Sound is read as float from clips and sound files."""

from __future__ import annotations

import wave
from pathlib import Path

import av
import numpy as np
import pytest

from likeness.errors import BadInput
from likeness.media import read_sound


def record(path: Path, codec: str, samples: np.ndarray, rate: int = 48000, layout: str = "stereo") -> Path:
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=rate, layout=layout)
        codes = np.ascontiguousarray(np.rint(samples * 32767).astype(np.int16).reshape(1, -1))
        frame = av.AudioFrame.from_ndarray(codes, format="s16", layout=layout)
        frame.sample_rate = rate
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    return path


def noise(channels: int, count: int = 4096) -> np.ndarray:
    return np.random.default_rng(0).uniform(-0.9, 0.9, (count, channels))


@pytest.mark.parametrize(("name", "codec"), [("a.wav", "pcm_s16le"), ("a.flac", "flac")])
@pytest.mark.parametrize(("layout", "channels"), [("mono", 1), ("stereo", 2)])
def test_lossless_sound_comes_back(tmp_path: Path, name: str, codec: str, layout: str, channels: int) -> None:
    samples = noise(channels)
    read, rate = read_sound(record(tmp_path / name, codec, samples, 44100, layout))
    assert (rate, read.dtype, read.shape) == (44100, np.float32, (4096, channels))
    assert read == pytest.approx(samples, abs=1e-4)


def test_sound_can_be_resampled_and_mixed_to_one(tmp_path: Path) -> None:
    t = np.arange(48000) / 48000
    tone = np.repeat(np.sin(2 * np.pi * 300 * t)[:, None] * 0.5, 2, axis=1)
    read, rate = read_sound(record(tmp_path / "a.wav", "pcm_s16le", tone), rate=16000, mono=True)
    assert (rate, read.shape[1]) == (16000, 1)
    assert len(read) == pytest.approx(16000, abs=32)
    assert np.abs(np.fft.rfft(read[:, 0])).argmax() == pytest.approx(300, abs=2)


def test_speech_is_read(real: Path) -> None:
    samples, rate = read_sound(real / "speech_jfk_en.flac", mono=True)
    assert 10 < len(samples) / rate < 12
    assert 0.02 < samples.std() < 0.5


def test_a_file_without_sound(tmp_path: Path) -> None:
    with av.open(str(tmp_path / "a.mp4"), "w") as container:
        stream = container.add_stream("libx264", rate=25)
        stream.width = stream.height = 32
        stream.pix_fmt = "yuv420p"
        frame = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), format="rgb24")
        container.mux(stream.encode(frame))
        container.mux(stream.encode(None))
    with pytest.raises(BadInput, match=r"a\.mp4 has no sound"):
        read_sound(tmp_path / "a.mp4")


def test_files_that_are_no_sound(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"no file .*gone\.wav"):
        read_sound(tmp_path / "gone.wav")
    (tmp_path / "a.wav").write_text("no sound at all")
    with pytest.raises(BadInput, match=r"a\.wav cannot be read"):
        read_sound(tmp_path / "a.wav")
    with wave.open(str(tmp_path / "b.wav"), "wb") as file:
        file.setparams((2, 2, 48000, 0, "NONE", ""))
    with pytest.raises(BadInput, match=r"empty"):
        read_sound(tmp_path / "b.wav")
