"""Synthetic keywords: seeded, speech-like one-second clips and their MFCC features, in numpy alone.

A word is a sequence of sounds; a sound is three formants, a voice level, noise in three bands and a length. Every clip
draws its own speaker (pitch, vocal tract), tempo, place in the second, loudness and background noise. It is not speech,
only similar enough that a small network has something to learn and something to get wrong.

Features follow the usual recipe: 16 kHz, 40 ms Hann windows every 20 ms, 1024-point FFT, 40 mel bands from 20 to
4,000 Hz, natural logarithm, the first 10 coefficients of an orthonormal DCT-II. `preprocess` in ../kws.kdl says the same;
the build compares the two, step by step.
"""

import numpy as np

RATE = 16_000
FRAME = 80  # samples between two control points of the synthesis: 5 ms
FRAMES = RATE // FRAME

# sound: (formants in Hz, voice level, noise level below 1.5 kHz, to 3 kHz, above, length in ms)
SOUNDS = {
    "iy": ((270, 2290, 3010), 1.0, (0, 0, 0), 130),
    "eh": ((530, 1840, 2480), 1.0, (0, 0, 0), 140),
    "ae": ((660, 1720, 2410), 1.0, (0, 0, 0), 150),
    "aa": ((730, 1090, 2440), 1.0, (0, 0, 0), 150),
    "ah": ((640, 1190, 2390), 1.0, (0, 0, 0), 130),
    "ao": ((570, 840, 2410), 1.0, (0, 0, 0), 150),
    "uw": ((300, 870, 2240), 0.9, (0, 0, 0), 140),
    "y": ((260, 2200, 3000), 0.7, (0, 0, 0), 60),
    "l": ((360, 1300, 2700), 0.6, (0, 0, 0), 80),
    "r": ((420, 1300, 1600), 0.6, (0, 0, 0), 80),
    "n": ((250, 1700, 2600), 0.35, (0, 0, 0), 90),
    "m": ((250, 1100, 2200), 0.35, (0, 0, 0), 90),
    "s": ((300, 1700, 2600), 0.0, (0, 0.1, 0.5), 130),
    "f": ((300, 1100, 2200), 0.0, (0.1, 0.12, 0.15), 110),
    "hush": ((300, 1500, 2500), 0.0, (0, 0, 0), 50),  # the closure of a stop
    "t": ((400, 1700, 2600), 0.0, (0, 0.3, 0.6), 30),
    "p": ((400, 1000, 2200), 0.0, (0.5, 0.1, 0), 30),
    "k": ((300, 1500, 2300), 0.0, (0.1, 0.6, 0.1), 35),
    "d": ((300, 1700, 2600), 0.3, (0.1, 0.3, 0.2), 35),
    "g": ((300, 1900, 2300), 0.3, (0.3, 0.3, 0), 35),
}
WORDS = {
    "yes": "y eh s",
    "no": "n ao uw",
    "up": "ah hush p",
    "down": "d aa uw n",
    "left": "l eh f hush t",
    "right": "r aa iy hush t",
    "on": "aa n",
    "off": "ao f",
    "stop": "s hush t aa hush p",
    "go": "g ao uw",
}
LABELS = ["silence", "unknown", *WORDS]


def unknown_word(rng):
    """Two to five random sounds that are none of the words."""
    while True:
        sounds = list(rng.choice(sorted(SOUNDS), size=rng.integers(2, 6)))
        if " ".join(sounds) not in WORDS.values():
            return sounds


def tracks(rng, sounds):
    """Formants, voice and noise levels at every control point: seven columns, FRAMES + 1 rows."""
    tempo = rng.uniform(0.75, 1.35)
    rows = []
    for sound in sounds:
        formants, voice, noise, length = SOUNDS[sound]
        count = max(2, round(length * rng.uniform(0.75, 1.3) / tempo * RATE / 1000 / FRAME))
        target = [*(np.array(formants) * rng.normal(1, 0.06, 3)), voice, *noise]
        rows += [target] * count
    rows = np.array(rows[:FRAMES])
    start = rng.integers(0, FRAMES + 1 - len(rows)) if len(rows) < FRAMES else 0
    out = np.concatenate([
        np.repeat(rows[:1], start, axis=0) * ([1] * 3 + [0] * 4),
        rows,
        np.repeat(rows[-1:], FRAMES + 1 - start - len(rows), axis=0) * ([1] * 3 + [0] * 4),
    ])
    glide = np.hanning(9)  # 35 ms: neighbouring sounds run into each other
    padded = np.pad(out, ((4, 4), (0, 0)), mode="edge")
    return np.stack([np.convolve(column, glide / glide.sum(), "valid") for column in padded.T], axis=1)


def upsample(control):
    """Control points to samples, by straight lines."""
    step = np.arange(FRAME)[:, None] / FRAME
    return (control[:-1, None] * (1 - step) + control[1:, None] * step).reshape(RATE, -1)


def voice(rng, track):
    """Harmonics of a gliding pitch under three resonances, up to 4 kHz."""
    pitch = rng.uniform(90, 240)
    contour = pitch * (1 + rng.uniform(-0.15, 0.15) * np.linspace(-1, 1, RATE))
    tract = rng.uniform(0.87, 1.17)
    turn = np.exp(2j * np.pi * np.cumsum(contour) / RATE)
    formants, level = track[:, :3] * tract, track[:, 3:4]
    harmonics = np.arange(1, int(4000 / pitch) + 1)
    hertz = harmonics * pitch
    width = np.array([80.0, 110.0, 160.0])
    peaks = 1 / (1 + ((hertz[None, :, None] - formants[:, None]) / width) ** 2)
    envelope = (peaks * [1.0, 0.6, 0.3]).sum(axis=2) * (500 / (500 + hertz)) * level
    sound, power = np.zeros(RATE), np.ones(RATE, dtype=complex)
    for column in envelope.T:
        power = power * turn
        sound += power.imag * upsample(column[:, None])[:, 0]
    return sound


def shaped_noise(rng, gain):
    """White noise with the spectrum `gain` (Hz to factor), unit power."""
    spectrum = np.fft.rfft(rng.normal(size=RATE)) * gain(np.fft.rfftfreq(RATE, 1 / RATE))
    noise = np.fft.irfft(spectrum, RATE)
    return noise / np.sqrt(np.mean(noise**2))


def clip(rng, label):
    """One second of `label`: 16,000 samples of int16, as a recorder gives them; the loudest clips are cut off at full scale."""
    return np.clip(np.round(sound(rng, label) * 2**15), -(2**15), 2**15 - 1).astype(np.int16)


def sound(rng, label):
    """One second of `label`, real numbers, of which 1 is full scale."""
    tilt = rng.uniform(0, 1)
    background = shaped_noise(rng, lambda hertz: (hertz + 50.0) ** -tilt)
    if label == "silence":
        return background * 10 ** rng.uniform(-3, -1)
    sounds = unknown_word(rng) if label == "unknown" else WORDS[label].split()
    track = tracks(rng, sounds)
    sound = voice(rng, track)
    for column, (low, high) in enumerate([(300, 1500), (1500, 3000), (3000, 7000)], start=4):
        band = shaped_noise(rng, lambda hertz: (hertz >= low) & (hertz < high))
        sound += 0.3 * band * upsample(track[:, column : column + 1])[:, 0]
    snr = rng.uniform(-4, 20)
    noise = background * np.sqrt(np.mean(sound**2)) * 10 ** (-snr / 20)
    return (sound + noise) * 10 ** rng.uniform(-1, 0)


def mel_matrix():
    """Triangular mel filters, 513 FFT bins by 40 bands."""
    mel = lambda hertz: 1127 * np.log1p(np.asarray(hertz) / 700)
    edges = np.linspace(mel(20), mel(4000), 42)
    bins = mel(np.arange(513) * RATE / 1024)[:, None]
    rising = (bins - edges[:-2]) / (edges[1:-1] - edges[:-2])
    falling = (edges[2:] - bins) / (edges[2:] - edges[1:-1])
    return np.clip(np.minimum(rising, falling), 0, None)


def dct_matrix():
    """Orthonormal DCT-II, 40 bands by 10 coefficients."""
    k, n = np.arange(10), np.arange(40)[:, None]
    return np.cos(np.pi * k * (n + 0.5) / 40) * np.where(k == 0, np.sqrt(1 / 40), np.sqrt(2 / 40))


def steps(samples):
    """What each step makes of a clip, 49 windows of it, by the names that the manifest has for the steps."""
    hann = 0.5 - 0.5 * np.cos(2 * np.pi * np.arange(640) / 640)
    window = np.lib.stride_tricks.sliding_window_view(samples / 2**15, 640)[::320] * hann
    power = np.abs(np.fft.rfft(window, 1024)) ** 2
    mel = power @ MEL
    log = np.log(mel + 1e-6)
    return {"window": window, "power": power, "mel": mel, "log": log, "dct": log @ DCT}


def features(samples):
    """MFCCs of one clip: 49 windows by 10 coefficients by 1, float32."""
    return steps(samples)["dct"].astype(np.float32)[..., None]


MEL, DCT = mel_matrix(), dct_matrix()


def clips(seed, each):
    """`each` clips of every label, labels taking turns: int16 samples (n, 16000) and label indices (n)."""
    rng = np.random.default_rng(seed)
    labels = np.tile(np.arange(len(LABELS)), each)
    return np.stack([clip(rng, LABELS[i]) for i in labels]), labels
