"""A small NumPy library for training fully connected networks."""

from .activations import ACTIVATIONS, Activation, ReLU, Sigmoid, Tanh
from .adaptive import AdaGrad, Adam, RMSprop
from .architecture import Architecture
from .arrays import FloatArray, RawArray
from .batches import Batches
from .checkpoint import (
    CheckpointError,
    load_checkpoint,
    load_training_state,
    save_checkpoint,
    weights_sha256,
)
from .classifier import Classifier
from .comparison import Comparison, joined
from .descent import SGD, Momentum, Nesterov
from .dropout import Dropout
from .examples import Examples
from .gradient_check import check_layer, check_loss, check_network, numeric_gradient
from .initializers import INITIALIZERS
from .layers import Affine, Layer
from .losses import (
    LOSSES,
    Loss,
    MeanSquaredError,
    SigmoidCrossEntropy,
    SoftmaxCrossEntropy,
    sigmoid,
    softmax,
)
from .metrics import Score, accuracy, confusion_matrix, score, wilson_interval
from .network import Network
from .optimizer import Optimizer
from .optimizers import OPTIMIZER_SETTINGS, OPTIMIZERS, make_optimizer
from .parameters import Parameter, ParameterVector
from .penalties import l2_from_lambda
from .preprocessing import Preprocessing
from .sanity import Finding, check_sanity
from .schedules import SCHEDULE_SETTINGS, Schedule
from .training import DivergenceError, EpochRecord, Training, train
from .training_state import TrainingState

__all__ = [
    "ACTIVATIONS",
    "INITIALIZERS",
    "LOSSES",
    "OPTIMIZERS",
    "OPTIMIZER_SETTINGS",
    "SCHEDULE_SETTINGS",
    "SGD",
    "Activation",
    "AdaGrad",
    "Adam",
    "Affine",
    "Architecture",
    "Batches",
    "CheckpointError",
    "Classifier",
    "Comparison",
    "DivergenceError",
    "Dropout",
    "EpochRecord",
    "Examples",
    "Finding",
    "FloatArray",
    "Layer",
    "Loss",
    "MeanSquaredError",
    "Momentum",
    "Nesterov",
    "Network",
    "Optimizer",
    "Parameter",
    "ParameterVector",
    "Preprocessing",
    "RMSprop",
    "RawArray",
    "ReLU",
    "Schedule",
    "Score",
    "Sigmoid",
    "SigmoidCrossEntropy",
    "SoftmaxCrossEntropy",
    "Tanh",
    "Training",
    "TrainingState",
    "accuracy",
    "check_layer",
    "check_loss",
    "check_network",
    "check_sanity",
    "confusion_matrix",
    "joined",
    "l2_from_lambda",
    "load_checkpoint",
    "load_training_state",
    "make_optimizer",
    "numeric_gradient",
    "save_checkpoint",
    "score",
    "sigmoid",
    "softmax",
    "train",
    "weights_sha256",
    "wilson_interval",
]
