#!/usr/bin/env python3
"""Train, quantize and record the example keyword-spotting model. See README.md beside this file.

    train.py           write kws.tflite, kws-labels.txt, kws-vectors.npz, kws-features.npz, kws-accuracy.txt and clips/ here
    train.py --check   make them again in a temporary folder and compare the bytes with those here
    train.py --model PATH   write the model alone: what `convert` of kws-from-source.kdl runs

Training data are made by speech.py. Recorded outputs come from LiteRT Micro's interpreter, not from TensorFlow.
"""

import os

os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "2", "TF_ENABLE_ONEDNN_OPTS": "0", "OPENBLAS_NUM_THREADS": "1", "CUDA_VISIBLE_DEVICES": ""}

import argparse
import filecmp
import io
import pathlib
import sys
import tempfile
import wave
import zipfile

import keras
import numpy as np
import tensorflow as tf
from keras import layers
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2
from tflite_micro import runtime

import speech

HERE = pathlib.Path(__file__).resolve().parent
CLIPS = [f"clips/{index:02}-{label}.wav" for index, label in enumerate(speech.LABELS)]  # the first held-out one of each
FILES = ["kws.tflite", "kws-labels.txt", "kws-vectors.npz", "kws-features.npz", "kws-accuracy.txt", "clips/labels.csv", *CLIPS]
SEED = 20
CHANNELS = 48
BLOCKS = 4
EPOCHS = 12
TRAINING_CLIPS = 320  # of each label
HELD_OUT_CLIPS = 100
VECTORS = 24  # the first two held-out clips of each label, right or wrong


def network():
    """DS-CNN: a wide first convolution, depthwise-separable blocks, average pool, dense, softmax."""

    def activated(x):
        return layers.ReLU()(layers.BatchNormalization()(x))

    inputs = keras.Input((49, 10, 1))
    x = activated(layers.Conv2D(CHANNELS, (10, 4), strides=2, padding="same", use_bias=False)(inputs))
    for _ in range(BLOCKS):
        x = activated(layers.DepthwiseConv2D(3, padding="same", use_bias=False)(x))
        x = activated(layers.Conv2D(CHANNELS, 1, use_bias=False)(x))
    x = layers.AveragePooling2D((25, 5))(x)
    x = layers.Dropout(0.2)(layers.Flatten()(x))
    return keras.Model(inputs, layers.Dense(len(speech.LABELS), activation="softmax")(x))


def train(x, y):
    """Train with label smoothing, so that scores stay apart instead of saturating."""
    model = network()
    steps = EPOCHS * -(-len(x) // 64)
    model.compile(
        optimizer=keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(3e-3, steps)),
        loss=keras.losses.CategoricalCrossentropy(label_smoothing=0.1),
        metrics=["accuracy"],
    )
    model.fit(x, np.eye(len(speech.LABELS), dtype=np.float32)[y], batch_size=64, epochs=EPOCHS, verbose=2)
    return model


def quantize(model, calibration):
    """Full int8, the converter's defaults otherwise; a fixed batch of one and names that people can read."""

    @tf.function(input_signature=[tf.TensorSpec((1, 49, 10, 1), tf.float32, name="features")])
    def scores(features):
        return tf.identity(model(features, training=False), name="scores")

    frozen = convert_variables_to_constants_v2(scores.get_concrete_function())
    converter = tf.lite.TFLiteConverter.from_concrete_functions([frozen])
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([clip[None]] for clip in calibration)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    return converter.convert()


class Micro:
    """The model in LiteRT Micro, with the names and the input quantization that its file states."""

    def __init__(self, flatbuffer):
        details = tf.lite.Interpreter(model_content=flatbuffer)
        (source,), (sink,) = details.get_input_details(), details.get_output_details()
        self.input, self.output = source["name"], sink["name"]
        self.scale, self.zero_point = source["quantization"]
        self.interpreter = runtime.Interpreter.from_bytes(flatbuffer)

    def quantize(self, x):
        return np.clip(np.round(x / self.scale) + self.zero_point, -128, 127).astype(np.int8)

    def invoke(self, x):
        self.interpreter.set_input(x, 0)
        self.interpreter.invoke()
        return np.array(self.interpreter.get_output(0))


def write_npz(path, arrays):
    """An `.npz` whose bytes depend on the arrays alone: stored, in the given order, all dated 1980."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        for name, array in arrays.items():
            entry = io.BytesIO()
            np.lib.format.write_array(entry, np.ascontiguousarray(array), version=(1, 0), allow_pickle=False)
            archive.writestr(zipfile.ZipInfo(f"{name}.npy"), entry.getvalue())


def write_clips(folder, clips, micro):
    """The clips as WAV files, which file is which word, and what each step of the features makes of them."""
    (folder / "clips").mkdir(exist_ok=True)
    for path, clip in zip(CLIPS, clips):
        with wave.open(str(folder / path), "wb") as file:
            file.setparams((1, 2, speech.RATE, 0, "NONE", "not compressed"))
            file.writeframes(clip.astype("<i2").tobytes())
    lines = [f"{pathlib.PurePath(path).name},{label}\n" for path, label in zip(CLIPS, speech.LABELS)]
    (folder / "clips/labels.csv").write_text("".join(lines))
    steps = [speech.steps(clip) for clip in clips]
    arrays = {name: np.stack([step[name] for step in steps]).astype(np.float32) for name in ("mel", "log", "dct")}
    arrays[micro.input] = np.stack([micro.quantize(speech.features(clip)) for clip in clips])
    write_npz(folder / "kws-features.npz", arrays)


def accuracy_text(truth, predicted):
    """Counts only: right of all, and the confusion matrix, rows being the truth."""
    confusion = np.zeros((len(speech.LABELS),) * 2, dtype=int)
    np.add.at(confusion, (truth, predicted), 1)
    lines = [f"int8 model in LiteRT Micro, held-out clips: {np.trace(confusion)} of {confusion.sum()} right", ""]
    lines.append("truth \\ answer" + "".join(f"{name:>9}" for name in speech.LABELS))
    lines += [f"{name:<14}" + "".join(f"{n:>9}" for n in row) for name, row in zip(speech.LABELS, confusion)]
    return "\n".join(lines) + "\n"


def make_model():
    """The model, from nothing but the seed."""
    keras.utils.set_random_seed(SEED)
    tf.config.experimental.enable_op_determinism()
    tf.config.threading.set_intra_op_parallelism_threads(2)  # sums are split by threads: not left to the machine
    tf.config.threading.set_inter_op_parallelism_threads(1)
    samples, y = speech.clips(SEED, TRAINING_CLIPS)
    x = np.stack([speech.features(clip) for clip in samples])
    return quantize(train(x, y), x[:480])


def make(folder):
    """All files."""
    flatbuffer = make_model()
    micro = Micro(flatbuffer)
    held, held_y = speech.clips(SEED + 1, HELD_OUT_CLIPS)
    inputs = [micro.quantize(speech.features(clip)[None]) for clip in held]
    outputs = [micro.invoke(clip) for clip in inputs]
    predicted = np.array([np.argmax(scores) for scores in outputs])

    (folder / "kws.tflite").write_bytes(flatbuffer)
    (folder / "kws-labels.txt").write_text("".join(f"{label}\n" for label in speech.LABELS))
    text = accuracy_text(held_y, predicted)
    (folder / "kws-accuracy.txt").write_text(text)
    vectors = {
        micro.input: np.stack(inputs[:VECTORS]),
        micro.output: np.stack(outputs[:VECTORS]),
        "label": held_y[:VECTORS].astype(np.int32),
    }
    write_npz(folder / "kws-vectors.npz", vectors)
    write_clips(folder, held[: len(speech.LABELS)], micro)
    print(text)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="compare with the files here instead of writing them")
    parser.add_argument("--model", type=pathlib.Path, metavar="PATH", help="write the model alone, there")
    arguments = parser.parse_args()
    if arguments.model:
        arguments.model.write_bytes(make_model())
        return 0
    if not arguments.check:
        make(HERE)
        return 0
    with tempfile.TemporaryDirectory() as folder:
        make(pathlib.Path(folder))
        _, differ, missing = filecmp.cmpfiles(HERE, folder, FILES, shallow=False)
    for name in differ + missing:
        print(f"`{name}` differs from what this script makes here; run train.py and commit, if that is intended")
    return 1 if differ or missing else 0


if __name__ == "__main__":
    sys.exit(main())
