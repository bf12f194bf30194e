extension Reference {
    /// gain · x / √(mean of x² + ε) over rows of gain.count.
    static func rmsNorm(_ x: [Double], gain: [Double], epsilon: Double) -> [Double] {
        let width = gain.count
        var y = x
        for first in stride(from: 0, to: x.count, by: width) {
            let rstd = self.rstd(x[first..<(first + width)], epsilon)
            for i in 0..<width { y[first + i] = gain[i] * x[first + i] * rstd }
        }
        return y
    }

    static func rmsNormBackward(
        dy: [Double], x: [Double], gain: [Double], epsilon: Double
    ) -> (dx: [Double], dgain: [Double]) {
        let width = gain.count
        var dx = x, dgain = gain.map { _ in 0.0 }
        for first in stride(from: 0, to: x.count, by: width) {
            let rstd = self.rstd(x[first..<(first + width)], epsilon)
            var sum = 0.0
            for i in 0..<width {
                sum += dy[first + i] * gain[i] * x[first + i]
                dgain[i] += dy[first + i] * x[first + i] * rstd
            }
            // rstd′ = −rstd³ x / width.
            for i in 0..<width {
                dx[first + i] = rstd * dy[first + i] * gain[i] - rstd * rstd * rstd * x[first + i] * sum / Double(width)
            }
        }
        return (dx, dgain)
    }

    private static func rstd(_ row: ArraySlice<Double>, _ epsilon: Double) -> Double {
        1 / (row.reduce(0) { $0 + $1 * $1 } / Double(row.count) + epsilon).squareRoot()
    }
}
