"""The signal operators of LiteRT Micro's audio front end: single ones over their parameters, and the whole chain.

`litert.py` knows which parts of their outputs LiteRT Micro leaves as they were.
"""
import numpy as np

from registry import BOOL, F32, I16, I32, U32, U64, entry

# Lengths of FFTs, short ones more often.
LENGTHS = [4, 6, 8, 10, 12, 16, 16, 18, 20, 24, 30, 32, 32, 40, 48, 50, 60, 64, 64, 90, 100, 120, 128, 256]


def custom(g, name, inputs, outputs, **options):
    return g.op("CUSTOM", inputs, outputs, custom=f"Signal{name}", **options)


def samples(g, shape, type=I16):
    """A new input, quiet or as loud as can be."""
    if type == F32:
        return g.input(shape, F32)
    loudest = (1 << g.pick([4, 9, 13, 15] if type == I16 else [8, 20, 31])) - 1
    return g.input(shape, type, low=-loudest - g.whole(0, 1), high=loudest)


def channels(g, count=None, type=U32):
    """A new input of sums, of any magnitude."""
    bits = g.whole(1, 32 if type == U32 else 62)
    return g.input([count or g.whole(1, 40)], type, low=0, high=(1 << bits) - 1)


def factor(g, bits=14):
    return g.whole(0, 1 << bits)


@entry("signal_window", I16)
def window(g, type):
    size = g.whole(1, 48)
    x = samples(g, g.pick([[size], [1, size], [2, size], [2, 2, size]]))
    weights = g.constant(g.values([size], I16, *g.pick([(0, 4096), (-32768, 32767)])), I16)
    weights = samples(g, [size]) if g.chance(0.1) else weights
    custom(g, "Window", [x, weights], [g.output(x.shape, I16)], shift=g.pick([0, 5, 12, 15, 16]))


@entry("signal_fft_auto_scale", I16)
def fft_auto_scale(g, type):
    x = samples(g, [g.whole(1, 64)])
    x = g.input(x.shape, I16, low=0, high=0) if g.chance(0.1) else x
    custom(g, "FftAutoScale", [x], [g.output(x.shape, I16), g.output([], I32)])


@entry("signal_rfft", I16, I32, F32)
def rfft(g, type):
    points = g.pick(LENGTHS)
    rows = g.pick([[], [], [1], [2], [2, 2]])
    x = samples(g, [*rows, g.whole(1, points) if g.chance(0.4) else points], type)
    custom(g, "Rfft", [x], [g.output([*rows, points + 2], type)], T=type, fft_length=points)


@entry("signal_irfft", I16, I32, F32)
def irfft(g, type):
    points = g.pick(LENGTHS)
    rows = g.pick([[], [], [1], [2]])
    x = samples(g, [*rows, points + 2], type)
    if g.chance(0.3):
        y = samples(g, [*rows, points], type)
        x = custom(g, "Rfft", [y], [g.output(x.shape, type)], T=type, fft_length=points)
    custom(g, "Irfft", [x], [g.output([*rows, points], type)], T=type, fft_length=points)


@entry("signal_energy", I16)
def energy(g, type):
    count = g.whole(1, 40)
    x = samples(g, [2 * count])
    start, end = sorted([g.whole(0, count), g.whole(0, count)]) if g.chance(0.5) else (0, count)
    custom(g, "Energy", [x], [g.output([count], U32)], end_index=end, start_index=start)


def bank(g, energies, count, first=0, real=False):
    """Tables of a filter bank: neighbouring bands, weights that rise; or anything within bounds."""
    edges = sorted(g.whole(first, energies) for _ in range(count + 2))
    starts, widths = edges[:-1], [b - a for a, b in zip(edges, edges[1:])]
    weight_starts = [0, *np.cumsum(widths)[:-1].tolist()]
    length = max(1, sum(widths))
    weights = [g.whole(0, 4096) for _ in range(length)]
    unweights = [4096 - w for w in weights]
    if not real and g.chance(0.3):
        weights, unweights = ([g.whole(-32768, 32767) for _ in range(length)] for _ in range(2))
    if not real and g.chance(0.3):
        widths = [g.whole(-1, min(w, 3)) for w in widths]
    return [g.constant(values, I16) for values in (weights, unweights, starts, weight_starts, widths)]


@entry("signal_filter_bank", U32)
def filter_bank(g, type):
    x, count = channels(g, g.whole(1, 60)), g.whole(1, 16)
    tables = bank(g, x.size, count)
    custom(g, "FilterBank", [x, *tables], [g.output([count], U64)], num_channels=count)


@entry("signal_filter_bank_square_root", U64)
def square_root(g, type):
    x = channels(g, type=U64)
    bits = g.input([], I32, low=0, high=g.pick([0, 15, 31]))
    custom(g, "FilterBankSquareRoot", [x, bits], [g.output(x.shape, U32)])


@entry("signal_filter_bank_spectral_subtraction", U32)
def spectral_subtraction(g, type):
    g.remembers = True
    x = channels(g)
    subtraction(g, x, smoothing_bits=g.pick([0, 4, 10, 10, 31]), bits=g.pick([0, 14, 14, 16]))


def subtraction(g, x, smoothing_bits=10, bits=14):
    smoothing, alternate = factor(g, bits), factor(g, bits)
    outputs = [g.output(x.shape, U32), g.output(x.shape, U32)]
    custom(
        g, "FilterBankSpectralSubtraction", [x], outputs,
        alternate_one_minus_smoothing=(1 << bits) - alternate if g.chance(0.8) else factor(g, 31),
        alternate_smoothing=alternate,
        clamping=g.chance(0.5),
        min_signal_remaining=factor(g, bits),
        num_channels=x.size,
        one_minus_smoothing=(1 << bits) - smoothing if g.chance(0.8) else factor(g, 31),
        smoothing=smoothing,
        smoothing_bits=smoothing_bits,
        spectral_subtraction_bits=bits,
    )  # fmt: skip
    return outputs


def gains():
    """A table of gains that fall with the noise, in whole numbers."""
    gain = lambda x: min(32767, (1 << 27) // (x + (80 << 7)))  # noqa: E731
    table = [gain(0), gain(1)]
    for bits in range(2, 33):
        low, middle, high = gain(1 << (bits - 1)), gain(3 << (bits - 2)), gain((1 << bits) - 1)
        table += [low, 4 * middle - 3 * low - high, 2 * (low + high - 2 * middle), 0]
    return table[:2] + [gain(2)] + table[3:]


@entry("signal_pcan", U32)
def pcan(g, type):
    x = channels(g)
    noise = channels(g, x.size)
    table = gains() if g.chance(0.5) else g.values([g.whole(125, 128)], I16, -32768, 32767)
    shift = g.pick([0, 6, 12, 20, 40])
    custom(g, "PCAN", [x, noise, g.constant(table, I16)], [g.output(x.shape, U32)], snr_shift=shift)


@entry("signal_filter_bank_log", U32)
def log(g, type):
    x = channels(g)
    options = dict(input_correction_bits=g.pick([0, 0, 3, 31]), output_scale=g.pick([1, 64, 1600, 65536]))
    custom(g, "FilterBankLog", [x], [g.output(x.shape, I16)], **options)


@entry("signal_framer", I16)
def framer(g, type):
    g.remembers = True
    size, step, frames = g.whole(1, 24), g.whole(1, 12), g.whole(1, 3)
    rows = g.pick([[], [], [1], [2]])
    x = samples(g, [*rows, frames * step])
    prefill = size >= step and g.chance(0.5)
    outputs = [g.output([*rows, frames, size], I16), g.output([], BOOL)]
    custom(g, "Framer", [x], outputs, frame_size=size, frame_step=step, prefill=prefill)


@entry("signal_overlap_add", I16, F32)
def overlap_add(g, type):
    g.remembers = True
    size, frames = g.whole(1, 24), g.whole(1, 3)
    step, rows = g.whole(1, size), g.pick([[], [1], [2]])
    x = samples(g, [*rows, frames, size], type)
    custom(g, "OverlapAdd", [x], [g.output([*rows, frames * step], type)], T=type, frame_step=step)


@entry("signal_stacker", I16)
def stacker(g, type):
    g.remembers = True
    count, left, right = g.whole(1, 8), g.whole(0, 3), g.whole(0, 3)
    x = samples(g, [count])
    outputs = [g.output([count * (left + right + 1)], I16), g.output([], BOOL)]
    options = dict(stacker_left_context=left, stacker_right_context=right)
    custom(g, "Stacker", [x], outputs, num_channels=count, **options, stacker_step=g.whole(1, left + right + 1))


@entry("signal_delay", I16)
def delay(g, type):
    g.remembers = True
    x = samples(g, g.pick([[g.whole(1, 16)], [2, 5], [1, 2, 4]]))
    custom(g, "Delay", [x], [g.output(x.shape, I16)], delay_length=g.whole(0, 40))


@entry("signal_front_end", I16)
def front_end(g, type):
    """From samples to features, as in LiteRT Micro's speech models."""
    points, count = g.pick([32, 64, 64, 128, 512]), g.pick([4, 8, 10, 16])
    size = g.whole(points // 2 + 1, points)
    features(g, samples(g, [g.whole(size // 3, size)]), size, points, count)


def features(g, x, size, points, count):
    """Frames of `size` samples every time that `x` comes: window, FFT, channels, noise, gain, logarithm."""
    g.remembers = True
    options = dict(frame_size=size, frame_step=x.size, prefill=True)
    frames = custom(g, "Framer", [x], [g.output([1, size], I16), g.output([], BOOL)], **options)
    weights = g.constant([1 + 4095 * 4 * at * (size - 1 - at) // max(1, (size - 1) ** 2) for at in range(size)], I16)
    windowed = custom(g, "Window", [frames, weights], [g.output([1, size], I16)], shift=12)
    shape = g.constant([size], I32)
    frame = g.op("RESHAPE", [windowed, shape], [g.output([size], I16)], "ReshapeOptions")
    scaled, bits = g.output([size], I16), g.output([], I32)
    custom(g, "FftAutoScale", [frame], [scaled, bits])
    spectrum = custom(g, "Rfft", [scaled], [g.output([points + 2], I16)], T=I16, fft_length=points)
    first, last = g.whole(0, 2), points // 2
    energies = custom(g, "Energy", [spectrum], [g.output([last + 1], U32)], end_index=last, start_index=first)
    tables = bank(g, last, count, first, real=True)
    sums = custom(g, "FilterBank", [energies, *tables], [g.output([count], U64)], num_channels=count)
    magnitudes = custom(g, "FilterBankSquareRoot", [sums, bits], [g.output([count], U32)])
    quiet, noise = subtraction(g, magnitudes)
    table = g.constant(gains(), I16)
    level = custom(g, "PCAN", [quiet, noise, table], [g.output([count], U32)], snr_shift=g.whole(0, 8))
    options = dict(input_correction_bits=3, output_scale=g.pick([64, 1600]))
    return custom(g, "FilterBankLog", [level], [g.output([count], I16)], **options)
