import CMPI
import Kernels
