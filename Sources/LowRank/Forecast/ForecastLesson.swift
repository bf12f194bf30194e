import Kernels
import Model
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

// R rows looked at of one layer, D width, K levels.

/// Rows of one layer with what they read and what each level was estimated to lose there: what a forecast learns from.
public struct ForecastLesson: Sendable {
    /// [R, D].
    public let inputs: Buffer<Float>
    /// [R, K] nats.
    public let losses: Buffer<Float>
    let width, levels: Int

    /// R.
    public var rows: Int { losses.count / levels }

    public init(inputs: Buffer<Float>, losses: Buffer<Float>, width: Int, levels: Int) {
        precondition(inputs.count * levels == losses.count * width, "\(inputs.count) inputs, \(losses.count) losses")
        self.inputs = inputs
        self.losses = losses
        self.width = width
        self.levels = levels
    }
}

extension LossForecast {
    private static let batch = 128
    private static let epochs = 10
    private static let learningRate: Float = 1e-3
    /// A single estimate may be a thousand means; beyond so many it teaches no more.
    static let mostMeans: Float = 50
    /// Of a layer's network, here and where a policy by token teaches it further.
    static let optimizer = AdamW(beta2: 0.999, weightDecay: 1)

    /// Layer `layer` learns from `lesson`, from nothing; a pure function of the lesson and the seed.
    ///
    /// The loss is the deviance of a Poisson variable of that mean, Σ e^z − y z, y the estimate over the level's mean: least
    /// where e^z is the mean of y given x, whatever its distribution (Gourieroux, Monfort & Trognon 1984). A square error
    /// would be all about a few rows, since estimates of one draw have heavy tails.
    ///
    /// - Parameter means: [K] nats, the layer's losses; a level that loses nothing is forecast to lose nothing.
    public func learn(_ lesson: ForecastLesson, means: [Double], layer: Int, seed: UInt64, on team: Team) {
        let R = lesson.rows, D = width, K = levels, own = layers[layer]
        own.arena.initialize(seed: seed &+ UInt64(layer))
        guard R > 0 else { return }
        let scale = Standardisation(Matrix(lesson.inputs, rows: R, columns: D))
        let x = scale.applied(to: Matrix(lesson.inputs, rows: R, columns: D))
        let B = min(Self.batch, R), steps = Self.epochs * (R / B)
        let generator = Philox(key: seed).derived(number: UInt64(layer), purpose: RandomPurpose.forecastOrder)
        let dz = Buffer<Float>(uninitialized: B * K)
        var step = 0
        for epoch in 0..<Self.epochs {
            // Shuffled by drawn keys.
            let order = (0..<R).map { (key: generator.uniform(UInt32($0), UInt32(epoch)), row: $0) }
                .sorted { ($0.key, $0.row) < ($1.key, $1.row) }.map(\.row)
            for first in stride(from: 0, through: R - B, by: B) {
                let rows = Self.gathered(order[first..<(first + B)], of: x)
                let pass = own.forward(rows, on: team)
                for i in 0..<B {
                    for k in 0..<K {
                        let z = pass.z[i * K + k], isWithin = z > Self.bounds.least && z < Self.bounds.most
                        let mean = Float(means[k]), y = mean > 0 ? lesson.losses[order[first + i] * K + k] / mean : 0
                        dz[i * K + k] = isWithin && mean > 0
                            ? (exp(z) - min(y, Self.mostMeans)) / Float(B * K) : 0
                    }
                }
                own.backward(pass, x: rows, dz: dz, on: team)
                let rate = Self.learningRate * (1 - Float(step) / Float(steps))
                step += 1
                Self.optimizer.update(own.arena, step: step, learningRate: rate, gradientScale: 1, on: team)
            }
        }
        scale.fold(into: own)
        sample(lesson, layer: layer, on: team)
    }

    /// Keeps the forecasts of rows evenly spread over the lesson's.
    private func sample(_ lesson: ForecastLesson, layer: Int, on team: Team) {
        let chosen = Self.gathered(
            (0..<Self.samples).map { $0 * lesson.rows / Self.samples },
            of: Matrix(lesson.inputs, rows: lesson.rows, columns: width))
        layers[layer].sampled.copy(from: layers[layer].forward(chosen, on: team).z)
    }

    /// Some rows of x, one after the other.
    private static func gathered(_ rows: some Collection<Int>, of x: Matrix) -> Matrix {
        let own = Matrix(Buffer(uninitialized: rows.count * x.columns), rows: rows.count, columns: x.columns)
        for (i, row) in rows.enumerated() { own.rows(i..<(i + 1)).copy(from: x.rows(row..<(row + 1))) }
        return own
    }

    /// Brings each column of inputs to mean 0 and deviation 1.
    private struct Standardisation {
        let means, deviations: [Float]

        init(_ x: Matrix) {
            let R = Double(x.rows)
            var sums = Array(repeating: 0.0, count: x.columns), squares = sums
            for row in 0..<x.rows {
                for c in 0..<x.columns { sums[c] += Double(x.pointer[row * x.stride + c]) }
            }
            let means = sums.map { $0 / R }
            for row in 0..<x.rows {
                for c in 0..<x.columns {
                    let off = Double(x.pointer[row * x.stride + c]) - means[c]
                    squares[c] += off * off
                }
            }
            self.means = means.map { Float($0) }
            // A column that never moves says nothing.
            deviations = squares.map { Float(max(($0 / R).squareRoot(), 1e-6)) }
        }

        func applied(to x: Matrix) -> Matrix {
            let y = Matrix(Buffer(uninitialized: x.rows * x.columns), rows: x.rows, columns: x.columns)
            for row in 0..<x.rows {
                for c in 0..<x.columns {
                    y.pointer[row * x.columns + c] = (x.pointer[row * x.stride + c] - means[c]) / deviations[c]
                }
            }
            return y
        }

        /// The network, learnt on standardised inputs, takes them as they are from now on.
        func fold(into layer: Layer) {
            let weight = layer.input.weight, I = weight.columns
            for c in means.indices {
                for i in 0..<I {
                    weight.pointer[c * weight.stride + i] /= deviations[c]
                    layer.inputBias[i] -= means[c] * weight.pointer[c * weight.stride + i]
                }
            }
        }
    }
}
