import CKernels
import Kernels

/// The mean of the rows of `x`, [columns], which is the backward pass of a broadcast up to a factor.
public func meanRows(_ x: Matrix, into mean: Buffer<Float>) {
    precondition(mean.count == x.columns && x.rows >= 1, "the mean of \(x.rows) rows of \(x.columns)")
    mean.fill(0)
    drrl_column_sum(mean.pointer, x.pointer, x.rows, x.columns, x.stride)
    let scale = 1 / Float(x.rows)
    for i in 0..<mean.count { mean.pointer[i] *= scale }
}
