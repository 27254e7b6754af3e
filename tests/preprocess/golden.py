#!/usr/bin/env python3
"""Writes what librosa, TensorFlow and LiteRT Micro make of half a second of sound, stage by stage: `tests/preprocess/sound.npz` and
`front_end.npz`.

    P tests/preprocess/golden.py            P is Python with the packages of `tests/preprocess/requirements.txt`
    P tests/preprocess/golden.py --check    compare, write nothing, exit 1 on a difference

Arrays are called REFERENCE.STAGE; of spectra every sixth frame is kept. Libraries compute floating point in other orders on
other processors: a check allows for 1e-5 of an array's largest value, and for nothing in fixed point.
"""
import io
import pathlib
import sys
import zipfile

import numpy as np

import front_end

FOLDER = pathlib.Path(__file__).resolve().parent
RATE, SIZE, STRIDE, POINTS = 16000, 480, 320, 512
SAMPLES = 8000
SPECTRA = 6


def signal():
    """A chirp with noise, silence, and the chirp so loud that it is clipped, as int16."""
    rng = np.random.Generator(np.random.PCG64(4))
    time = np.arange(SAMPLES) / RATE
    chirp = np.sin(2 * np.pi * (100 * time + 6900 * time**2))
    sound = 9000 * chirp + 300 * (2 * rng.random(SAMPLES) - 1)
    sound[3200:4800] = 0
    sound[6400:] *= 9
    return np.clip(np.round(sound), -32768, 32767).astype(np.int16)


def of_librosa(samples):
    import librosa
    import scipy.signal

    sound = samples / 32768.0
    emphasized = librosa.effects.preemphasis(sound, coef=0.97, zi=np.zeros(1))
    frames = librosa.util.frame(emphasized, frame_length=SIZE, hop_length=STRIDE).T
    # librosa has the window in the middle of an FFT's samples.
    shifted = np.pad(emphasized, ((POINTS - SIZE) // 2,) * 2)
    options = dict(n_fft=POINTS, hop_length=STRIDE, win_length=SIZE, window="hann", center=False)
    spectrum = librosa.stft(shifted, dtype=np.complex128, **options)[:, : len(frames)]
    power = np.abs(spectrum) ** 2
    slaney = librosa.filters.mel(sr=RATE, n_fft=POINTS, n_mels=40, fmin=20, fmax=7600, dtype=np.float64)
    mel = slaney @ power
    log = librosa.power_to_db(mel, ref=1.0, amin=1e-10, top_db=None)
    mfcc = librosa.feature.mfcc(S=log, n_mfcc=13, norm="ortho")
    htk = librosa.filters.mel(
        sr=RATE, n_fft=POINTS, n_mels=40, fmin=20, fmax=4000, htk=True, norm=None, dtype=np.float64
    )  # fmt: skip
    energies = htk @ power
    symmetric = scipy.signal.get_window("hamming", SIZE, fftbins=False)
    return {
        "librosa.pre-emphasis": frames[::SPECTRA],
        "librosa.window": (frames * scipy.signal.get_window("hann", SIZE))[::SPECTRA],
        "scipy.symmetric": (frames * symmetric)[::SPECTRA],
        "librosa.power": power.T[::SPECTRA],
        "librosa.mel-slaney": mel.T,
        "librosa.log-db": log.T,
        "librosa.dct-ortho": mfcc.T,
        "librosa.mel-htk": energies.T,
        "librosa.pcen": librosa.pcen(energies * 2**31, sr=RATE, hop_length=STRIDE).T,
    }


def of_tensorflow(samples):
    import tensorflow as tf

    sound = tf.constant(samples / np.float32(32768), tf.float32)
    frames = tf.signal.frame(sound, SIZE, STRIDE)
    spectrum = tf.signal.stft(sound, SIZE, STRIDE, POINTS, window_fn=tf.signal.hann_window)
    magnitude = tf.abs(spectrum)
    weights = tf.signal.linear_to_mel_weight_matrix(40, POINTS // 2 + 1, RATE, 20, 4000)
    mel = tf.matmul(magnitude, weights)
    log = tf.math.log(mel + 1e-6)
    parts = np.stack([spectrum.numpy().real, spectrum.numpy().imag], axis=-1)
    mfcc = tf.signal.mfccs_from_log_mel_spectrograms(log)[:, :10]
    features = log.numpy().astype(np.float64)

    def normalized(axis):
        return (features - features.mean(axis=axis, keepdims=True)) / (features.std(axis=axis, keepdims=True) + 1e-6)

    return {
        "tensorflow.window-hamming": (frames * tf.signal.hamming_window(SIZE)).numpy()[::SPECTRA],
        "tensorflow.fft": parts[::SPECTRA],
        "tensorflow.magnitude": magnitude.numpy()[::SPECTRA],
        "tensorflow.mel-htk": mel.numpy(),
        "tensorflow.log": log.numpy(),
        "tensorflow.dct-htk": mfcc.numpy(),
        "numpy.normalize-coefficient": normalized(0),
        "numpy.normalize-all": normalized(None),
    }


def of_kaldi(samples):
    """Pre-emphasis of frames by themselves, as Kaldi's `feature-window.cc` has it."""
    frames = np.lib.stride_tricks.sliding_window_view(samples / 32768.0, SIZE)[::STRIDE]
    before = np.concatenate([frames[:, :1], frames[:, :-1]], axis=1)
    return {"kaldi.pre-emphasis": (frames - np.float32(0.97) * before)[::SPECTRA]}


def npz(arrays):
    """An archive whose bytes depend on the arrays alone."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, array in arrays.items():
            data = io.BytesIO()
            array = array.astype(np.float32) if array.dtype.kind == "f" else array
            np.lib.format.write_array(data, np.ascontiguousarray(array))
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), data.getvalue(), zipfile.ZIP_DEFLATED)
    return packed.getvalue()


def differences(made, path):
    """What of the arrays is not in the file."""
    kept = np.load(path)
    if sorted(kept.files) != sorted(made):
        return [f"has the arrays {sorted(kept.files)}, not {sorted(made)}"]
    found = []
    for name, array in made.items():
        if array.shape != kept[name].shape:
            found.append(f"{name} is of shape {kept[name].shape}, not {array.shape}")
            continue
        error = np.max(np.abs(kept[name].astype(np.float64) - array))
        allowed = 1e-5 * np.max(np.abs(array)) if array.dtype.kind == "f" else 0
        if not error <= allowed:
            found.append(f"{name} differs by {error:.3g}, and {allowed:.3g} is allowed")
    return found


def main():
    samples = signal()
    # LiteRT Micro first: it runs in processes of its own, which TensorFlow's threads do not survive.
    fixed = {"signal": samples, **front_end.of_litert_micro(samples), **front_end.of_microfrontend(samples)}
    sound = {"signal": samples, **of_librosa(samples), **of_tensorflow(samples), **of_kaldi(samples)}
    status = 0
    for name, arrays in {"sound.npz": sound, "front_end.npz": fixed}.items():
        if "--check" not in sys.argv[1:]:
            (FOLDER / name).write_bytes(npz(arrays))
            continue
        for difference in differences(arrays, FOLDER / name):
            print(f"{FOLDER / name}: {difference}; run tests/preprocess/golden.py", file=sys.stderr)
            status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
