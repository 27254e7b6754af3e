"""The custom operators that finish detectors and classifiers."""
import numpy as np

from registry import BOOL, F32, I32, entry


@entry("detection_postprocess", F32)
def detection_postprocess(g, type):
    """Mostly with so many anchors that all detections are found: what lies behind the last one, LiteRT Micro does not
    write unless suppression is done class by class. Then one box or one detection is too few for its memory."""
    regular = g.chance(0.5)
    most, classes, background = g.whole(1 + regular, 4), g.whole(1, 4), g.whole(0, 1)
    boxes = g.whole(2, 12) if regular or g.chance(0.1) else g.whole(30, 60)
    x = g.input([1, boxes, g.pick([4, 4, 4, 6])], F32, low=-2.0, high=2.0)
    scores = g.input([1, boxes, classes + background], F32, low=0.0, high=1.0)
    centres = g.values([boxes, 2], F32, 0.0, 1.0)
    sizes = g.values([boxes, 2], F32, 0.1, 0.6)
    anchors = g.constant(np.concatenate([centres, sizes], 1), F32)
    outputs = [g.add(shape, F32) for shape in ([1, most, 4], [1, most], [1, most], [1])]
    options = {
        "max_detections": most,
        "max_classes_per_detection": 1,
        "nms_score_threshold": g.pick([0.0, 0.0, g.real(0.1, 0.4)]),
        "nms_iou_threshold": g.pick([0.5, 1.0, g.real(0.1, 0.9)]),
        "num_classes": classes,
        "y_scale": 10.0,
        "x_scale": 10.0,
        "h_scale": 5.0,
        "w_scale": g.pick([5.0, 5]),
    }
    if regular or g.chance(0.3):
        options["use_regular_nms"] = regular
    if g.chance(0.5):
        options["detections_per_class"] = g.whole(1, 5)
    g.op("CUSTOM", [x, scores, anchors], outputs, custom="TFLite_Detection_PostProcess", **options)


@entry("basic_classifier", I32)
def basic_classifier(g, type):
    scores = g.operand(I32, rank=1)
    targets = g.whole(1, 5)
    draw = lambda low, high: g.values([targets], I32, low, high)  # noqa: E731
    last = scores.size - 1
    classes = g.constant(draw(0, last), I32) if g.chance(0.6) else g.input([targets], I32, low=0, high=last)
    thresholds = g.constant(draw(-100, 100), I32) if g.chance(0.6) else g.operand(I32, shape=[targets])
    detected, found = g.add([targets], BOOL), g.add([targets], I32)
    g.op("CUSTOM", [scores, classes, thresholds], [detected, found], custom="BasicClassifier")
