extension Reference {
    /// y = x W + bias; x: [rows, in], W: [in, out] with out = bias.count.
    static func linear(_ x: [Double], weight: [Double], bias: [Double]) -> [Double] {
        let out = bias.count, inner = weight.count / out, rows = x.count / inner
        var y = [Double](repeating: 0, count: rows * out)
        for r in 0..<rows {
            for j in 0..<out { y[r * out + j] = bias[j] }
            for i in 0..<inner {
                for j in 0..<out { y[r * out + j] += x[r * inner + i] * weight[i * out + j] }
            }
        }
        return y
    }

    static func linearBackward(
        dy: [Double], x: [Double], weight: [Double], out: Int
    ) -> (dx: [Double], dweight: [Double], dbias: [Double]) {
        let inner = weight.count / out, rows = x.count / inner
        var dx = x.map { _ in 0.0 }, dweight = weight.map { _ in 0.0 }
        var dbias = [Double](repeating: 0, count: out)
        for r in 0..<rows {
            for j in 0..<out { dbias[j] += dy[r * out + j] }
            for i in 0..<inner {
                var sum = 0.0
                for j in 0..<out {
                    sum += dy[r * out + j] * weight[i * out + j]
                    dweight[i * out + j] += x[r * inner + i] * dy[r * out + j]
                }
                dx[r * inner + i] = sum
            }
        }
        return (dx, dweight, dbias)
    }
}
