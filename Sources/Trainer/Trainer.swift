import Kernels
import ArgumentParser
import Yams
import Logging
