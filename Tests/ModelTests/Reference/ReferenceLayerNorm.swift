extension Reference {
    /// y = (x − mean) / √(variance + 10⁻⁵) · gamma + beta over each row (Ba, Kiros & Hinton 2016).
    static func layerNorm(_ x: [Double], gamma: [Double], beta: [Double]) -> [Double] {
        let width = gamma.count
        var y = x
        for first in stride(from: 0, to: x.count, by: width) {
            let (normed, _) = normalised(Array(x[first..<(first + width)]))
            for i in 0..<width { y[first + i] = normed[i] * gamma[i] + beta[i] }
        }
        return y
    }

    static func layerNormBackward(
        dy: [Double], x: [Double], gamma: [Double]
    ) -> (dx: [Double], dgamma: [Double], dbeta: [Double]) {
        let width = gamma.count
        var dx = x, dgamma = gamma.map { _ in 0.0 }, dbeta = dgamma
        for first in stride(from: 0, to: x.count, by: width) {
            let (normed, rstd) = normalised(Array(x[first..<(first + width)]))
            var sum = 0.0, sumNormed = 0.0
            for i in 0..<width {
                let d = dy[first + i]
                dgamma[i] += d * normed[i]
                dbeta[i] += d
                sum += d * gamma[i]
                sumNormed += d * gamma[i] * normed[i]
            }
            for i in 0..<width {
                dx[first + i] =
                    rstd * (dy[first + i] * gamma[i] - (sum + normed[i] * sumNormed) / Double(width))
            }
        }
        return (dx, dgamma, dbeta)
    }

    private static func normalised(_ row: [Double]) -> (values: [Double], rstd: Double) {
        let mean = row.reduce(0, +) / Double(row.count)
        let variance = row.reduce(0) { $0 + ($1 - mean) * ($1 - mean) } / Double(row.count)
        let rstd = 1 / (variance + 1e-5).squareRoot()
        return (row.map { ($0 - mean) * rstd }, rstd)
    }
}
