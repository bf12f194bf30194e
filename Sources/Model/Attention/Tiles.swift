import COpenBLAS

/// Elements of a tile that are not masked, where row i sees its first `valid` + i columns.
func visible(_ rows: Int, _ columns: Int, _ valid: Int) -> Int {
    (0..<rows).reduce(0) { $0 + max(0, min(columns, valid + $1)) }
}

func clear(_ x: UnsafeMutablePointer<Float>, _ ld: Int, _ rows: Int, _ columns: Int) {
    for row in 0..<rows { (x + row * ld).update(repeating: 0, count: columns) }
}

/// SGEMM on one thread over raw tiles: C ← alpha op(A) op(B) + beta C, op(A) m×k, op(B) k×n.
@inline(__always)
func sgemm(
    _ opA: CBLAS_TRANSPOSE, _ opB: CBLAS_TRANSPOSE, _ m: Int, _ n: Int, _ k: Int, _ alpha: Float,
    _ a: UnsafePointer<Float>, _ lda: Int, _ b: UnsafePointer<Float>, _ ldb: Int, _ beta: Float,
    _ c: UnsafeMutablePointer<Float>, _ ldc: Int
) {
    cblas_sgemm(
        CblasRowMajor, opA, opB, blasint(m), blasint(n), blasint(k), alpha, a, blasint(lda), b, blasint(ldb), beta,
        c, blasint(ldc))
}
