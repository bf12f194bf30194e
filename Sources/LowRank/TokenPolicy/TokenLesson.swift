import Kernels
import Model

// R rows looked at, D width, K levels.

/// Rows of one layer that a policy by token learns from: what each level was estimated to lose there, and what attention read
/// at the first of the tokens that share the row's level.
package struct TokenLesson: Sendable {
    /// Its number in the model.
    package let layer: Int
    /// [R, D].
    package let inputs: Buffer<Float>
    /// [R, K] nats.
    package let losses: Buffer<Float>
    /// [R] the rows' segments.
    package let segments: [Int]
    /// [R] whether some keys are far, so that levels differ.
    package let isFar: [Bool]

    var rows: Int { segments.count }

    package init(layer: Int, inputs: Buffer<Float>, losses: Buffer<Float>, segments: [Int], isFar: [Bool]) {
        self.layer = layer
        self.inputs = inputs
        self.losses = losses
        self.segments = segments
        self.isFar = isFar
    }

    /// Of rows of `seen`, where `grain` tokens share a level.
    package init(_ losses: EstimatedLosses, of seen: ObservedAttention, exact: ExactTokens, segment: Int, grain: Int) {
        let first = losses.rows.map { $0.sequence * seen.batch.length + $0.position / grain * grain }
        self.init(
            layer: seen.layer, inputs: seen.x.gathered(first), losses: Buffer(losses.values.array.map { Float($0) }),
            segments: losses.rows.map { $0.position / segment },
            isFar: losses.rows.map { !exact.far(of: $0.position, segment: segment).isEmpty })
    }

    /// With columns of inputs multiplied by `factors`, [D].
    func scaled(by factors: Buffer<Float>, on team: Team) -> TokenLesson {
        let scaled = Buffer(inputs.array), D = factors.count
        team.split(rows, of: D) { rows in
            for row in rows { for c in 0..<D { scaled[row * D + c] *= factors[c] } }
        }
        return TokenLesson(layer: layer, inputs: scaled, losses: losses, segments: segments, isFar: isFar)
    }
}
