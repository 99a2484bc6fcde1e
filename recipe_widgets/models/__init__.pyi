from .autoencoder import Autoencoder as Autoencoder
from .autoencoder import build_autoencoder as build_autoencoder
from .build import build_model as build_model
from .build import count_parameters as count_parameters
from .layers import Dropout as Dropout
from .layers import Maxout as Maxout
from .transfer import new_head as new_head
from .transfer import pretrained as pretrained
