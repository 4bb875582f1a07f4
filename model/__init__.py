"""A small NumPy library for training fully connected classifiers."""

from .architecture import Architecture
from .batches import Batches
from .checkpoint import CheckpointError, load_checkpoint, save_checkpoint, weights_sha256
from .classifier import Classifier
from .examples import Examples
from .gradient_check import (
    Comparison,
    check_layer,
    check_loss,
    check_network,
    numeric_gradient,
)
from .initializers import INITIALIZERS
from .layers import ACTIVATIONS, Affine, Layer, ReLU
from .losses import SoftmaxCrossEntropy, softmax
from .metrics import Score, accuracy, confusion_matrix, score, wilson_interval
from .network import Network
from .optimizers import OPTIMIZERS, SGD, Momentum, Nesterov, Optimizer, make_optimizer
from .parameters import Parameter, ParameterVector
from .preprocessing import Preprocessing
from .schedules import exponential_decay
from .training import DivergenceError, EpochRecord, train

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "OPTIMIZERS",
    "SGD",
    "Affine",
    "Architecture",
    "Batches",
    "CheckpointError",
    "Classifier",
    "Comparison",
    "DivergenceError",
    "EpochRecord",
    "Examples",
    "Layer",
    "Momentum",
    "Nesterov",
    "Network",
    "Optimizer",
    "Parameter",
    "ParameterVector",
    "Preprocessing",
    "ReLU",
    "Score",
    "SoftmaxCrossEntropy",
    "accuracy",
    "check_layer",
    "check_loss",
    "check_network",
    "confusion_matrix",
    "exponential_decay",
    "load_checkpoint",
    "make_optimizer",
    "numeric_gradient",
    "save_checkpoint",
    "score",
    "softmax",
    "train",
    "weights_sha256",
    "wilson_interval",
]
