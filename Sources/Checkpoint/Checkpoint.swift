import CHDF5
import Kernels
