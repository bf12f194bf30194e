import COpenBLAS
import Foundation

extension Team {
    /// Multiply-adds that are worth a thread's while.
    private static let leastProduct = 1 << 15

    /// Lines of C that a piece has at least, a multiple of 16, where a line costs `cost` multiply-adds.
    private static func grain(cost: Int) -> Int { max(1, (leastProduct / max(cost, 1) + 15) / 16) * 16 }

    /// C ← alpha · A · B + beta · C, each possibly transposed (BLAS level 3, SGEMM), or with both rounded to bfloat16 where
    /// `precision` says so; then alpha is 1, and beta 0 or 1.
    ///
    /// The larger side of C is cut into one panel a thread, or fewer where they would be small. With `beta` 0, C is written
    /// without being read. Its FLOPs are counted as work of `kind`.
    public func gemm(
        _ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float = 1, beta: Float = 0, _ kind: FlopKind,
        in precision: Precision = .float32
    ) {
        if c.isTransposed {
            return gemm(
                b.transposed, a.transposed, into: c.transposed, alpha: alpha, beta: beta, kind, in: precision)
        }
        let m = a.rows, k = a.columns, n = b.columns
        flops.product(m, n, k, kind)
        precondition(
            b.rows == k && c.rows == m && c.columns == n,
            "\(m)×\(k) · \(b.rows)×\(n) into \(c.rows)×\(c.columns)")
        if isByRow { return rowProducts(a, b, into: c, alpha: alpha, beta: beta) }
        let isRounded = precision == .bf16 && k > 0
        precondition(!isRounded || (alpha == 1 && (beta == 0 || beta == 1)), "\(alpha) A B + \(beta) C in bfloat16")
        if m >= n {
            split(m, grain: Self.grain(cost: n * k)) { rows in
                if isRounded {
                    return c.rows(rows).multiplyRounded(a.rows(rows), b, adding: beta == 1)
                }
                cblas_sgemm(
                    CblasRowMajor, a.operation, b.operation, blasint(rows.count), blasint(n), blasint(k), alpha,
                    a.pointer + a.offset(row: rows.lowerBound), blasint(a.stride), b.pointer, blasint(b.stride), beta,
                    c.pointer + c.offset(row: rows.lowerBound), blasint(c.stride))
            }
        } else {
            split(n, grain: Self.grain(cost: m * k)) { columns in
                if isRounded {
                    return c.columns(columns).multiplyRounded(
                        a, b.columns(columns), adding: beta == 1)
                }
                cblas_sgemm(
                    CblasRowMajor, a.operation, b.operation, blasint(m), blasint(columns.count), blasint(k), alpha,
                    a.pointer, blasint(a.stride), b.pointer + b.offset(column: columns.lowerBound), blasint(b.stride),
                    beta, c.pointer + columns.lowerBound, blasint(c.stride))
            }
        }
    }

    /// Columns of a product by rows that are made at a time: as many of a matrix as a core's cache holds.
    private static let columnBlock = 64

    /// `gemm` by rows of `a`, which is not a transpose: blocks of columns are the same whoever makes them, and each stays in
    /// a core's cache for all rows (BLAS level 2, SGEMV).
    private func rowProducts(_ a: Matrix, _ b: Matrix, into c: Matrix, alpha: Float, beta: Float) {
        precondition(!a.isTransposed, "rows of a transpose")
        let k = a.columns, n = b.columns
        split(n, grain: Self.grain(cost: a.rows * k) * Self.columnBlock / 16) { columns in
            for first in stride(from: columns.lowerBound, to: columns.upperBound, by: Self.columnBlock) {
                let count = min(Self.columnBlock, columns.upperBound - first), block = b.columns(first..<(first + count))
                for row in 0..<a.rows {
                    cblas_sgemv(
                        CblasRowMajor, b.isTransposed ? CblasNoTrans : CblasTrans, blasint(b.isTransposed ? count : k),
                        blasint(b.isTransposed ? k : count), alpha, block.pointer, blasint(b.stride),
                        a.pointer + row * a.stride, 1, beta, c.pointer + row * c.stride + first, 1)
                }
            }
        }
    }

    /// The rate of SGEMM on every thread of this team at once, in FLOP/s: the ruler for everything else.
    ///
    /// The mean over products of 1024×1024 matrices for about 0.3 s, after one to warm up: as long as steps are, so that
    /// whatever else runs on the machine weighs on both alike. `now` gives seconds.
    public func measureSGEMM(now: () -> Double) -> Double {
        // More threads than cores would only wait for one another.
        let n = 1024, busy = min(threads, ProcessInfo.processInfo.activeProcessorCount)
        let operands = (0..<busy).map { _ in
            (Buffer<Float>(count: n * n, repeating: 0.5), Buffer<Float>(count: n * n, repeating: 0.25),
             Buffer<Float>(count: n * n, repeating: 0))
        }
        func round() {
            tasks(busy) { task, _ in
                let (a, b, c) = operands[task]
                cblas_sgemm(
                    CblasRowMajor, CblasNoTrans, CblasNoTrans, blasint(n), blasint(n), blasint(n), 1,
                    a.pointer, blasint(n), b.pointer, blasint(n), 0, c.pointer, blasint(n))
            }
        }
        round()
        let start = now()
        var rounds = 0, seconds = 0.0
        repeat {
            round()
            rounds += 1
            seconds = now() - start
        } while seconds < 0.3
        return 2 * Double(n * n * n) * Double(busy * rounds) / seconds
    }
}
