"""LiteRT Micro's audio front end, run by its interpreter with tables as its `audio_preprocessor.py` computes them, and by the C
library behind TensorFlow's `audio_microfrontend`.

The tables are computed here a second time, from those tools' formulas and not from this project's: in NumPy's types, with the
blocks and alignment that they have.
"""
import pathlib
import sys

import numpy as np

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "conformance"))

# As `audio_preprocessor.py` calls it: name, rate, and parameters, which `main.rs` has, too.
CASES = {
    "speech": dict(rate=16000, size=480, stride=320, channels=40, low=125.0, high=7500.0),
    "telephone": dict(
        rate=8000, size=200, stride=120, channels=20, low=150.0, high=3700.0,
        even=0.04, odd=0.08, remaining=0.1, strength=0.8, offset=60.0,
    ),
    "plain": dict(rate=16000, size=400, stride=160, channels=32, low=125.0, high=7500.0, pcan=False),
}  # fmt: skip
DEFAULTS = dict(even=0.025, odd=0.06, remaining=0.05, strength=0.95, offset=80.0, pcan=True)


def frames(samples, size, stride):
    return np.lib.stride_tricks.sliding_window_view(samples, size)[::stride]


def mel(frequency):
    f32 = np.float32
    return f32(1127.0) * f32(np.log1p(f32(f32(frequency) / f32(700.0))))


def window(size):
    weights = 0.5 - 0.5 * np.cos(np.pi * 2 / size * (np.arange(size) + 0.5))
    return np.round(weights * 4096).astype(np.int16)


def filter_bank(points, rate, channels, low, high, alignment=2, block=4):
    """Weights, unweights, starts of frequencies and of weights, widths; and the range of energies."""
    f32 = np.float32
    spacing = (rate / 2) / (points / 2)
    first = mel(low)
    centers = first + (mel(high) - first) / f32(channels + 1) * np.arange(1, channels + 2, dtype=f32)
    start = bin = round(1 + low / spacing)
    bands = []
    for center in centers:
        begin = bin
        while mel(bin * spacing) <= center:
            bin += 1
        bands.append((begin, bin - begin))
    weights, unweights, frequency_starts, weight_starts, widths = [], [], [], [], []
    if any(width == 0 for _, width in bands):
        weights, unweights = [0] * block, [0] * block
    for channel, (begin, width) in enumerate(bands):
        if width == 0:
            frequency_starts.append(0), weight_starts.append(0), widths.append(block)
            continue
        aligned = begin // alignment * alignment
        padded = ((begin - aligned + width - 1) // block + 1) * block
        frequency_starts.append(aligned), weight_starts.append(len(weights)), widths.append(padded)
        before = first if channel == 0 else centers[channel - 1]
        here, rest = np.zeros(padded, np.int16), np.zeros(padded, np.int16)
        for at in range(width):
            weight = (centers[channel] - mel((begin + at) * spacing)) / (centers[channel] - before)
            here[begin - aligned + at] = int(weight * 4096)
            rest[begin - aligned + at] = int((f32(1) - weight) * 4096)
        weights.extend(here), unweights.extend(rest)
    return [weights, unweights, frequency_starts, weight_starts, widths], start, bin


def gains(strength, offset, input_bits, gain_bits=21):
    f32 = np.float32

    def gain(x):
        value = f32(2**gain_bits) * f32(np.power(np.float64(f32(x) / f32(2**input_bits) + f32(offset)), -np.float64(f32(strength))))
        return 32767 if value > 32767 else int(value + f32(0.5))

    table = [gain(0), gain(1)]
    for interval in range(2, 33):
        x0 = 1 << (interval - 1)
        y0, y1, y2 = gain(x0), gain(x0 + (x0 >> 1)), gain(x0 + (x0 - 1) if interval == 32 else 2 * x0)
        slope = 4 * (y1 - y0) - (y2 - y0)
        table += [y0, slope, (y2 - y0) - slope, 0]
    return table[:125]


def model(rate, size, stride, channels, low, high, even, odd, remaining, strength, offset, pcan):
    """One frame at a time through the signal operators."""
    from graph import Graph, Type
    from signal_ops import custom

    I16, I32, U32, U64 = Type.INT16, Type.INT32, Type.UINT32, Type.UINT64
    points = 1 << (size - 1).bit_length()
    correction = points.bit_length() - 1 - 6
    g = Graph(np.random.Generator(np.random.PCG64(1)))
    g.remembers = True
    x = g.input([size], I16)
    windowed = g.output([size], I16)
    custom(g, "Window", [x, g.constant(window(size), I16)], [windowed], shift=12)
    scaled, bits = g.output([size], I16), g.output([], I32)
    custom(g, "FftAutoScale", [windowed], [scaled, bits])
    spectrum = custom(g, "Rfft", [scaled], [g.output([points + 2], I16)], T=I16, fft_length=points)
    tables, start, end = filter_bank(points, rate, channels, low, high)
    energies = custom(g, "Energy", [spectrum], [g.output([points // 2 + 1], U32)], end_index=end, start_index=start)
    tables = [g.constant(table, I16) for table in tables]
    sums = custom(g, "FilterBank", [energies, *tables], [g.output([channels], U64)], num_channels=channels)
    level = custom(g, "FilterBankSquareRoot", [sums, bits], [g.output([channels], U32)])
    quiet, noise = g.output([channels], U32), g.output([channels], U32)
    fixed = lambda share: int(share * (1 << 14))  # noqa: E731
    custom(
        g, "FilterBankSpectralSubtraction", [level], [quiet, noise],
        alternate_one_minus_smoothing=(1 << 14) - fixed(odd),
        alternate_smoothing=fixed(odd),
        clamping=False,
        min_signal_remaining=fixed(remaining),
        num_channels=channels,
        one_minus_smoothing=(1 << 14) - fixed(even),
        smoothing=fixed(even),
        smoothing_bits=10,
        spectral_subtraction_bits=14,
    )  # fmt: skip
    level = quiet
    if pcan:
        table = g.constant(gains(strength, offset, 10 - correction), I16)
        level = custom(g, "PCAN", [quiet, noise, table], [g.output([channels], U32)], snr_shift=6)
    options = dict(input_correction_bits=correction, output_scale=1 << 6)
    custom(g, "FilterBankLog", [level], [g.output([channels], I16)], **options)
    return g.file()


def int8(features):
    """As the speech example's feature provider scales them."""
    scaled = (features.astype(np.int32) * 256 + 333) // 666 - 128
    return np.clip(scaled, -128, 127).astype(np.int8)


def of_litert_micro(samples):
    import litert

    arrays = {}
    for name, case in CASES.items():
        vectors = [[np.ascontiguousarray(frame).tobytes()] for frame in frames(samples, case["size"], case["stride"])]
        ((outcome, written),) = litert.run_all([(model(**(DEFAULTS | case)), vectors)])
        assert outcome == litert.RAN, written
        features = np.stack([np.frombuffer(operators[-1], np.int16) for operators in written])
        arrays[f"litert-micro.{name}"] = features
    arrays["litert-micro.speech-int8"] = int8(arrays["litert-micro.speech"])
    return arrays


def of_microfrontend(samples):
    import tensorflow as tf
    from tensorflow.lite.experimental.microfrontend.python.ops import audio_microfrontend_op

    arrays = {}
    for name, case in CASES.items():
        case = DEFAULTS | case
        ms = lambda samples: samples * 1000 // case["rate"]  # noqa: E731
        features = audio_microfrontend_op.audio_microfrontend(
            tf.constant(samples),
            sample_rate=case["rate"],
            window_size=ms(case["size"]),
            window_step=ms(case["stride"]),
            num_channels=case["channels"],
            upper_band_limit=case["high"],
            lower_band_limit=case["low"],
            even_smoothing=case["even"],
            odd_smoothing=case["odd"],
            min_signal_remaining=case["remaining"],
            enable_pcan=case["pcan"],
            pcan_strength=case["strength"],
            pcan_offset=case["offset"],
            out_type=tf.uint16,
        )
        arrays[f"microfrontend.{name}"] = features.numpy().astype(np.int16)
    return arrays
