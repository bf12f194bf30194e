import COpenBLAS
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

/// Which of its kernels OpenBLAS runs: it chooses by the CPU's model as it is loaded, or by `OPENBLAS_CORETYPE`.
public enum OpenBLASCore {
    /// What OpenBLAS reads, once, as it is loaded.
    private static let variable = "OPENBLAS_CORETYPE"
    /// What it falls back to on a CPU that is younger than itself: kernels of 128 bits.
    private static let fallback = "Prescott"

    /// The name of the kernels in use, e.g. `SkylakeX`.
    public static var name: String { String(cString: openblas_get_corename()) }

    /// The name of better kernels than `chosen`, where that is what OpenBLAS falls back to and this CPU has the `widest`
    /// instructions; nil otherwise.
    package static func better(than chosen: String, widest: InstructionSet) -> String? {
        guard chosen == fallback else { return nil }
        return switch widest {
        case .avx512: "SkylakeX"
        case .avx2: "Haswell"
        case .baseline: nil
        }
    }

    /// Starts the program anew, once, with kernels as wide as the CPU where OpenBLAS does not know the CPU's model and fell
    /// back to its narrowest: products are some five times as fast. Debian 12's OpenBLAS 0.3.21 knows no Xeon after Sapphire
    /// Rapids. To be called first thing in a program, before files are open or MPI has started; it keeps the process, its
    /// arguments and its environment. A choice that `OPENBLAS_CORETYPE` already makes stands.
    public static func useWidest() {
        guard getenv(variable) == nil, let core = better(than: name, widest: .widest) else { return }
        setenv(variable, core, 1)
        // Where the system refuses, the program goes on as it is: slower, and right.
        _ = execv("/proc/self/exe", CommandLine.unsafeArgv)
        unsetenv(variable)
    }
}

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
