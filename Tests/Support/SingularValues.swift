import CLAPACKE
import Kernels
import LinearAlgebra

/// A = U diag(σ) Vᵀ, m×n, by LAPACK's dgesdd, which nothing but tests needs: k = min(m, n) singular values in descending
/// order; U: m×k, Vᵀ: k×n.
public struct SingularValues {
    public let u: DenseMatrix
    public let values: [Double]
    public let vt: DenseMatrix

    public init(_ a: DenseMatrix) {
        let m = a.rows, n = a.columns, k = min(m, n)
        (u, vt) = (DenseMatrix(rows: m, columns: k), DenseMatrix(rows: k, columns: n))
        let work = a.copy(), sigma = Buffer<Double>(uninitialized: k)
        let info = LAPACKE_dgesdd(
            LAPACK_ROW_MAJOR, CChar(UInt8(ascii: "S")), Int32(m), Int32(n), work.values.pointer, Int32(n), sigma.pointer,
            u.values.pointer, Int32(k), vt.values.pointer, Int32(n))
        precondition(info == 0, "dgesdd: \(info)")
        values = sigma.array
    }
}
