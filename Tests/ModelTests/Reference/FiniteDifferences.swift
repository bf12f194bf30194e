/// ∂f/∂x by central differences, error about 10⁻⁹ for values around 1.
func finiteDifferences(at x: [Double], _ f: ([Double]) -> Double) -> [Double] {
    let h = 1e-5
    return x.indices.map { i in
        var up = x, down = x
        up[i] += h
        down[i] -= h
        return (f(up) - f(down)) / (2 * h)
    }
}

/// The largest difference of two gradients, relative to the largest element.
func gradientError(_ analytic: [Double], _ numeric: [Double]) -> Double {
    precondition(analytic.count == numeric.count)
    let worst = zip(analytic, numeric).map { abs($0.0 - $0.1) }.max() ?? 0
    let largest = numeric.map { abs($0) }.max() ?? 0
    return worst.isFinite ? worst / max(largest, 1e-12) : .infinity
}

/// Σ a b: a scalar out of a layer's output.
func dot(_ a: [Double], _ b: [Double]) -> Double { zip(a, b).reduce(0) { $0 + $1.0 * $1.1 } }
