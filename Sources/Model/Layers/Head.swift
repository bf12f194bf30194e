import CKernels
import Kernels

/// The head and its cross-entropy, a tile of rows at a time: logits of the other rows never exist.
public struct Head: Sendable {
    /// From the final norm's output to logits, [D, V]; where the two are tied, the token embedding's transpose.
    let map: Linear
    /// Most rows a tile.
    private let mostRows: Int
    private let logits: Buffer<Float>
    private let losses: Buffer<Double>

    /// For at most `rows` rows; the tile takes at most about 112 MB: SGEMM is slower on fewer rows,
    /// and each tile reads and writes the embedding's whole gradient.
    public init(_ map: Linear, rows: Int) {
        let vocabularySize = map.weight.columns
        self.map = map
        mostRows = Self.mostRows(of: rows, vocabularySize)
        logits = Buffer(uninitialized: mostRows * vocabularySize)
        losses = Buffer(uninitialized: mostRows)
    }

    private static func mostRows(of rows: Int, _ vocabularySize: Int) -> Int {
        min(rows, max(64, (112 << 20) / (4 * vocabularySize) / 64 * 64))
    }

    /// Bytes of the tile for at most `rows` rows.
    public static func tileBytes(rows: Int, vocabularySize: Int) -> Int {
        4 * mostRows(of: rows, vocabularySize) * vocabularySize
    }

    /// The negative log-likelihood of each row's target, in nats; 0 where the target is negative.
    ///
    /// x: [M, D] after the final norm.
    public func forward(_ x: Matrix, targets: Buffer<Int32>, into nll: Buffer<Double>, on team: Team) {
        crossEntropy(x, targets, scale: 0, gradient: false, on: team) { rows, _ in
            for row in rows { nll[row] = losses[row - rows.lowerBound] }
        }
    }

    /// `forward`, and of each row whether its target is the likeliest token, the first of equals; every row has a target.
    public func forward(
        _ x: Matrix, targets: Buffer<Int32>, into nll: Buffer<Double>, areLikeliest: Buffer<Bool>, on team: Team
    ) {
        crossEntropy(x, targets, scale: 0, gradient: false, on: team, before: { rows, logits in
            team.split(rows.count) { own in
                for i in own {
                    let target = Int(targets[rows.lowerBound + i]), row = logits.pointer + i * logits.columns
                    areLikeliest[rows.lowerBound + i] =
                        !(0..<target).contains { row[$0] >= row[target] }
                        && !(target..<logits.columns).contains { row[$0] > row[target] }
                }
            }
        }) { rows, _ in
            for row in rows { nll[row] = losses[row - rows.lowerBound] }
        }
    }

    /// Σ negative log-likelihood over rows with a target, in nats; dx = ∂/∂x of `scale` times that sum, and the map's
    /// gradient is added to.
    public func forwardBackward(
        _ x: Matrix, targets: Buffer<Int32>, scale: Float, dx: Matrix, on team: Team
    ) -> Double {
        var total = 0.0
        crossEntropy(x, targets, scale: scale, gradient: true, on: team) { rows, dlogits in
            for row in 0..<rows.count { total += losses[row] }
            map.backward(dy: dlogits, x: x.rows(rows), dx: dx.rows(rows), on: team)
        }
        return total
    }

    /// Puts in the place of each target that is not negative one drawn from the softmax of the row's logits: the first token
    /// at which the running sum of probabilities passes the row's number of `uniforms`.
    ///
    /// - Parameters:
    ///   - x: [M, D] after the final norm.
    ///   - targets: [M].
    ///   - uniforms: [M], in [0, 1).
    public func draw(_ x: Matrix, targets: Buffer<Int32>, uniforms: Buffer<Double>, on team: Team) {
        precondition(targets.count >= x.rows && uniforms.count >= x.rows)
        tiles(x, on: team) { first, tile in
            team.split(tile.rows) { r in
                drrl_draw_targets(
                    targets.pointer + first + r.lowerBound, tile.pointer + r.lowerBound * tile.columns,
                    uniforms.pointer + first + r.lowerBound, r.count, tile.columns)
            }
        }
    }

    /// Gives `before` the rows of each tile with their logits, and `body` with their `losses` and what became of the logits.
    private func crossEntropy(
        _ x: Matrix, _ targets: Buffer<Int32>, scale: Float, gradient: Bool, on team: Team,
        before: (Range<Int>, Matrix) -> Void = { _, _ in }, _ body: (Range<Int>, Matrix) -> Void
    ) {
        precondition(targets.count >= x.rows)
        tiles(x, on: team) { first, tile in
            let rows = first..<(first + tile.rows), targets = targets[rows], vocabulary = tile.columns
            for i in 0..<rows.count {
                precondition(Int(targets[i]) < vocabulary, "target \(targets[i]) of \(vocabulary)")
            }
            before(rows, tile)
            team.split(rows.count) { r in
                drrl_cross_entropy(
                    losses.pointer + r.lowerBound, tile.pointer + r.lowerBound * vocabulary,
                    targets.pointer + r.lowerBound, r.count, vocabulary, scale, gradient)
            }
            body(rows, tile)
        }
    }

    /// Gives `body` the logits of a tile of rows at a time, and the first row's number.
    func tiles(_ x: Matrix, on team: Team, _ body: (_ first: Int, _ logits: Matrix) -> Void) {
        guard x.rows > 0 else { return }
        // Tiles of about the same height: a low last one would cost nearly as much as a high one.
        let count = (x.rows + mostRows - 1) / mostRows, height = min(mostRows, ((x.rows + count - 1) / count + 15) / 16 * 16)
        for first in stride(from: 0, to: x.rows, by: height) {
            let rows = first..<min(first + height, x.rows)
            let tile = Matrix(logits, rows: rows.count, columns: map.weight.columns)
            map.product(x.rows(rows), into: tile, on: team)
            body(first, tile)
        }
    }
}

/// Kullback and Leibler's divergence Σ p ln (p / q) of the softmax of each row of `other` from that of `logits`, in nats;
/// both [M, V], divergence: [M].
public func divergence(of other: Matrix, from logits: Matrix, into divergence: Buffer<Double>, on team: Team) {
    let V = logits.columns
    precondition(
        other.rows == logits.rows && other.columns == V && divergence.count == logits.rows && other.stride == V
            && logits.stride == V, "divergences of \(other.rows)×\(other.columns) logits from \(logits.rows)×\(V)")
    team.split(logits.rows) { own in
        drrl_divergence(
            divergence.pointer + own.lowerBound, logits.pointer + own.lowerBound * V, other.pointer + own.lowerBound * V,
            own.count, V)
    }
}

/// The uniforms by which targets are drawn from a model's softmax: a pure function of (seed, pass, sample, position), so that
/// neither the grid nor the other sequences of a batch matter.
public struct TargetDraw: Sendable {
    private let generator: Philox

    /// - Parameter pass: the number of the pass, which draws anew.
    public init(seed: UInt64, pass: UInt64) {
        generator = Philox(key: seed).derived(number: pass, purpose: RandomPurpose.targets)
    }

    /// In [0, 1).
    public func uniform(sample: UInt64, position: Int) -> Double {
        generator.uniform(UInt32(position), 0, sample.low, sample.high)
    }

    /// One for each row: [M].
    func uniforms(_ batch: MicroBatch) -> Buffer<Double> {
        let uniforms = Buffer<Double>(uninitialized: batch.rows)
        for row in 0..<batch.rows {
            uniforms[row] = uniform(sample: batch.samples[row / batch.length], position: row % batch.length)
        }
        return uniforms
    }
}
