import Kernels
import Model
#if canImport(Glibc)
import Glibc
#elseif canImport(Darwin)
import Darwin
#endif

// N layers, D width, I hidden width, K levels, R rows.

/// What each level would lose at a token, in nats, forecast from what the layer's attention reads of that token alone:
///
///     ΔL̂_k(x) = ΔL̄_k · exp(z_k),  z = W₂ gelu(W₁ x + b₁) + b₂
///
/// ΔL̄ being what the level loses in the layer on average. It is known before the token attends, so that a level may be
/// chosen by it (design.md 11). Each layer has a network of its own, in float32.
public final class LossForecast: Sendable {
    /// I.
    package static let hidden = 32
    /// Rows of a layer whose forecasts are kept, to find the price of an operation by.
    package static let samples = 128
    /// z's bounds: beyond them a forecast is a guess.
    static let bounds = (least: Float(-8), most: Float(5))

    /// By layer.
    package let layers: [Layer]
    let width, levels: Int

    /// The network of one layer; gradients and moments stand beside the parameters.
    package struct Layer: Sendable {
        package let arena: ParameterArena
        /// [D, I] and [I, K].
        let input, output: Linear
        /// [I], which GELU adds.
        let inputBias: Buffer<Float>
        /// [samples, K] z of rows that it has learnt from, row after row, some more than once where there were fewer.
        package let sampled: Buffer<Float>

        package init(width: Int, levels: Int) {
            let I = LossForecast.hidden
            let arena = ParameterArena(ParameterLayout([
                ParameterSpec(
                    "input.weight", [width, I], starts: .normal(deviation: 1 / Float(width).squareRoot())),
                ParameterSpec("input.bias", [I], starts: .constant(0)),
                ParameterSpec("output.weight", [I, levels], starts: .constant(0)),
                ParameterSpec("output.bias", [levels], starts: .constant(0)),
            ]))
            func map(_ name: String) -> Linear {
                let layout = arena.layout
                return Linear(
                    weight: layout.matrix(name + ".weight", in: arena.values),
                    bias: layout.vector(name + ".bias", in: arena.values),
                    weightGradient: layout.matrix(name + ".weight", in: arena.gradients),
                    biasGradient: layout.vector(name + ".bias", in: arena.gradients), kind: .policy)
            }
            self.arena = arena
            (input, output) = (map("input"), map("output"))
            inputBias = arena.layout.vector("input.bias", in: arena.values)
            sampled = Buffer(count: LossForecast.samples * levels, repeating: 0)
        }

        /// The hidden layer before and after GELU, [R, I], and z, [R, K].
        package struct Pass: Sendable {
            package let hidden, activated, z: Buffer<Float>

            init(rows: Int, levels: Int) {
                hidden = Buffer(uninitialized: rows * LossForecast.hidden)
                activated = Buffer(uninitialized: rows * LossForecast.hidden)
                z = Buffer(uninitialized: rows * levels)
            }
        }

        /// z of the rows of x, [R, D].
        package func forward(_ x: Matrix, on team: Team) -> Pass {
            let R = x.rows, I = LossForecast.hidden, K = output.weight.columns, pass = Pass(rows: R, levels: K)
            input.product(x, into: Matrix(pass.hidden, rows: R, columns: I), on: team)
            geluForward(pass.hidden, bias: inputBias, into: pass.activated, rows: R, on: team)
            output.forward(
                Matrix(pass.activated, rows: R, columns: I), into: Matrix(pass.z, rows: R, columns: K), on: team)
            return pass
        }

        /// Adds to the gradients those that `dz`, [R, K], leads to; `dz` is what z's gradient is.
        package func backward(_ pass: Pass, x: Matrix, dz: Buffer<Float>, on team: Team) {
            let R = x.rows, I = LossForecast.hidden, K = output.weight.columns
            let dhidden = Buffer<Float>(uninitialized: R * I)
            output.backward(
                dy: Matrix(dz, rows: R, columns: K), x: Matrix(pass.activated, rows: R, columns: I),
                dx: Matrix(dhidden, rows: R, columns: I), on: team)
            geluBackward(h: pass.hidden, y: pass.activated, dy: dhidden, count: R * I, on: team)
            input.backward(dy: Matrix(dhidden, rows: R, columns: I), x: x, dx: nil, on: team)
        }
    }

    /// Knows nothing yet: every token is forecast to lose what its layer does on average.
    ///
    /// - Parameters:
    ///   - width: D.
    ///   - levels: K.
    public init(layers: Int, width: Int, levels: Int) {
        self.width = width
        self.levels = levels
        self.layers = (0..<layers).map { _ in Layer(width: width, levels: levels) }
    }

    /// FLOPs of a forecast of one token in one layer.
    package var flops: Int { 2 * Self.hidden * (width + levels) }

    /// exp z of the rows of x, [R, D], in a layer of the model: [R, K], what multiplies the mean losses.
    package func factors(_ x: Matrix, layer: Int, on team: Team) -> Buffer<Float> {
        let z = layers[layer].forward(x, on: team).z, K = levels
        team.split(x.rows, of: K) { rows in
            for i in (rows.lowerBound * K)..<(rows.upperBound * K) { z[i] = Self.factor(z[i]) }
        }
        return z
    }

    /// exp z within bounds.
    package static func factor(_ z: Float) -> Float { exp(min(max(z, bounds.least), bounds.most)) }
}

/// What a checkpoint holds of it: `/forecast/…`, float32, the layers' arrays one after the other.
extension LossForecast: Persistent {
    public var noun: String { "a weight of the forecast of losses" }
    public var mayBeAbsent: Bool { true }

    /// Where a checkpoint that holds a forecast has its samples.
    public static let samplesPath = "/forecast/samples"

    /// `input_weight` [N, D, I], `input_bias` [N, I], `output_weight` [N, I, K], `output_bias` [N, K] and `samples`
    /// [N, samples, K].
    public var entries: [PersistentEntry] {
        layers.isEmpty ? [] : entries("/forecast/", \.values) + [
            PersistentEntry(Self.samplesPath, [layers.count, Self.samples, levels], layers.map(\.sampled))
        ]
    }

    /// An array of the layers' arenas under `group`, the parameters apart: [N, …] each.
    func entries(_ group: String, _ array: KeyPath<ParameterArena, Buffer<Float>>) -> [PersistentEntry] {
        layers.first?.arena.layout.parameters.map { parameter in
            PersistentEntry(
                group + parameter.name.replacing(".", with: "_"), [layers.count] + parameter.shape,
                layers.map { $0.arena[keyPath: array][parameter.range] })
        } ?? []
    }
}
