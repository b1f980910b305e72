"""Models, one flax module per file, each passed as a factory `rngs -> module`."""

from spectrax.models.mlp import MLP
from spectrax.models.network import Network
from spectrax.models.two_layer import TwoLayer

__all__ = ["MLP", "Network", "TwoLayer"]
