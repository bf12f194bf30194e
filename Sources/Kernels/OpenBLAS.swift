import COpenBLAS

/// Which of its kernels OpenBLAS runs, e.g. `SkylakeX`: it chooses by CPU, or by `OPENBLAS_CORETYPE`.
public var openBLASCore: String { String(cString: openblas_get_corename()) }

/// The memory that OpenBLAS takes for each thread at its first product, and asks for again and again where it is refused.
public enum OpenBLASBuffers {
    /// Bytes of address space a thread, in the builds of Debian.
    public static let bytesPerThread = 128 << 20
}

extension Team {
    /// Lets OpenBLAS take its buffers, one for each thread that computes at the same time, while there is known to be room.
    public func claimOpenBLASBuffers() {
        let n = 128, factors = Buffer<Float>(count: n * n, repeating: 0)
        tasks(threads) { _, _ in
            let product = Buffer<Float>(uninitialized: n * n)
            cblas_sgemm(
                CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(n), blasint(n), blasint(n), 1, factors.pointer,
                blasint(n), factors.pointer, blasint(n), 0, product.pointer, blasint(n))
        }
    }
}
