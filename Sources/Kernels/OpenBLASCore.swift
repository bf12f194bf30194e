import COpenBLAS

/// Which of its kernels OpenBLAS runs, e.g. `SkylakeX`: it chooses by CPU, or by `OPENBLAS_CORETYPE`.
public var openBLASCore: String { String(cString: openblas_get_corename()) }
