import Foundation

extension Reference {
    /// One parameter under AdamW (Loshchilov & Hutter 2019, Algorithm 2).
    struct AdamW {
        var value: [Double]
        var m: [Double]
        var v: [Double]

        init(_ value: [Double]) {
            self.value = value
            m = value.map { _ in 0 }
            v = m
        }

        mutating func update(
            _ gradient: [Double], step: Int, rate: Double, decay: Double, beta1: Double, beta2: Double, epsilon: Double
        ) {
            for i in value.indices {
                m[i] = beta1 * m[i] + (1 - beta1) * gradient[i]
                v[i] = beta2 * v[i] + (1 - beta2) * gradient[i] * gradient[i]
                let mHat = m[i] / (1 - pow(beta1, Double(step))), vHat = v[i] / (1 - pow(beta2, Double(step)))
                value[i] -= rate * (mHat / (vHat.squareRoot() + epsilon) + decay * value[i])
            }
        }
    }
}
