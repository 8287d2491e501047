"""What is raced: the training step of the two-layer network in seven sizes, and larger models."""

from .convnet import ConvNet
from .digits import Digits
from .gaussian_process import GaussianProcess
from .layers import Attention, LayerNorm
from .recurrent import Recurrent
from .transformer import Transformer
from .two_layer import TwoLayer
from .workload import Workload

WORKLOADS: list[Workload] = [
    TwoLayer(2, 4, 1, 1, "float64"),
    TwoLayer(2, 4, 1, 400, "float64"),
    TwoLayer(64, 32, 10, 64, "float32"),
    TwoLayer(784, 128, 10, 256, "float32"),
    TwoLayer(2, 4, 1, 100_000, "float64"),
    TwoLayer(1024, 1024, 10, 1024, "float32"),
    TwoLayer(12288, 7, 1, 209, "float64"),
    Digits(),
    ConvNet(),
    Transformer(),
    LayerNorm(),
    Attention(),
    GaussianProcess(),
    Recurrent(),
]
