import COpenBLAS
import Kernels

/// Eq. 18 (Erden 2025, arXiv 2512.15973): ‖A‖₂ by power iteration on AᵀA, `steps` steps (3 in the paper) from a
/// normal random vector that `seed` fixes.
///
/// The estimate never exceeds ‖A‖₂ by more than rounding, and does not fall from one step to the next.
public enum PowerIteration {
    /// ‖A‖₂ of a float64 matrix.
    public static func spectralNorm(_ a: DenseMatrix, steps: Int = 3, seed: UInt64 = 0) -> Double {
        let m = a.rows, n = a.columns
        guard m > 0, n > 0 else { return 0 }
        let x = Buffer(startVector(n, seed).map(Double.init)), y = Buffer<Double>(count: m, repeating: 0)
        func apply(_ operation: CBLAS_TRANSPOSE, _ input: Buffer<Double>, _ output: Buffer<Double>) -> Double {
            cblas_dgemv(
                CblasRowMajor, operation, blasint(m), blasint(n), 1, a.values.pointer, blasint(n), input.pointer, 1, 0,
                output.pointer, 1)
            return cblas_dnrm2(blasint(output.count), output.pointer, 1)
        }
        func normalise(_ v: Buffer<Double>, _ norm: Double) { cblas_dscal(blasint(v.count), 1 / norm, v.pointer, 1) }
        normalise(x, cblas_dnrm2(blasint(n), x.pointer, 1))
        var norm = apply(CblasNoTrans, x, y)
        for _ in 0..<steps where norm > 0 {
            normalise(y, norm)
            let back = apply(CblasTrans, y, x)
            guard back > 0 else { break }
            normalise(x, back)
            norm = apply(CblasNoTrans, x, y)
        }
        return norm
    }

    /// ‖W‖₂ of a float32 matrix, such as W_Q; products in float32.
    public static func spectralNorm(_ w: Matrix, steps: Int = 3, seed: UInt64 = 0, on team: Team) -> Double {
        guard w.rows > 0, w.columns > 0 else { return 0 }
        let x = Buffer(startVector(w.columns, seed)), y = Buffer<Float>(count: w.rows, repeating: 0)
        func normalise(_ v: Buffer<Float>) -> Double {
            let norm = cblas_dsdot(blasint(v.count), v.pointer, 1, v.pointer, 1).squareRoot()
            if norm > 0 { cblas_sscal(blasint(v.count), Float(1 / norm), v.pointer, 1) }
            return norm
        }
        func column(_ v: Buffer<Float>) -> Matrix { Matrix(v, rows: v.count, columns: 1) }
        _ = normalise(x)
        team.gemm(w, column(x), into: column(y), .guard)
        var norm = normalise(y)
        for _ in 0..<steps where norm > 0 {
            team.gemm(w.transposed, column(y), into: column(x), .guard)
            _ = normalise(x)
            team.gemm(w, column(x), into: column(y), .guard)
            norm = normalise(y)
        }
        return norm
    }

    private static func startVector(_ count: Int, _ seed: UInt64) -> [Float] {
        let x = Buffer<Float>(uninitialized: count)
        Philox(key: seed).fillNormal(x, deviation: 1)
        return x.array
    }
}
