import COpenBLAS
import Kernels
import LinearAlgebra
import Model
import Synchronization

// L tokens, T a segment; D width, G heads of keys and values of width d. Ḡ: a Gram divided by the tokens it sums.

/// Whose bases attention below full rank runs in.
public enum BasisSource: String, Codable, CaseIterable, Sendable {
    /// Those of training's Grams, for every sequence alike.
    case resident
    /// In evaluation the values' are refined from the sequence's own earlier segments; the scores' are resident.
    case online
}

/// How the bases of values follow a sequence.
public struct Refinement: Sendable {
    /// Tokens that the resident Gram weighs as many as; infinite to leave the bases as they are.
    public var prior = 2048.0
    /// Segments before the first new basis; further ones follow each time that number has doubled.
    public var first = 4
    /// Every how many rows of the sequence one enters its Gram.
    public var sampleEvery = 4

    public init() {}

    /// The rows at which new bases begin in a sequence of `length`.
    func starts(segment: Int, length: Int) -> [Int] {
        Array(sequence(first: first * segment) { 2 * $0 }.prefix { $0 < length })
    }

    /// The resident Gram's share beside that of `tokens` tokens.
    func share(ofPriorAfter tokens: Int) -> Double { prior.isInfinite ? 1 : prior / (prior + Double(tokens)) }
}

/// Bases of single sequences' values: from each start on the leading eigenvectors of
/// share · Ḡ_resident + (1 − share) · Ḡ_own, share = prior / (prior + start), where Ḡ_own sums rows before the start.
struct OnlineBases: Sendable {
    let refinement: Refinement
    let segment: Int
    /// Of the stage's layers, from `firstLayer` on.
    let resident: GramSet
    let firstLayer: Int
    let team: Team

    private var heads: Int { resident.heads }
    private var headWidth: Int { resident.headWidth }

    /// The bases of one sequence in one layer. A Gram that has none, as that of values which are not finite, changes nothing.
    func epochs(_ input: AttentionInput) -> [ValueEpoch] {
        let d = headWidth, layer = input.layer - firstLayer
        guard resident.weights[layer] > 0 else { return [] }
        let own = (0..<heads).map { _ in DenseMatrix(rows: d, columns: d) }
        var seen = 0, sampled = 0
        return refinement.starts(segment: segment, length: input.x.rows).compactMap { start in
            sampled += gather(input, seen..<start, into: own)
            seen = start
            let share = refinement.share(ofPriorAfter: start), ofOwn = (1 - share) / Double(sampled)
            let basis = Buffer<Float>(uninitialized: heads * d * d), failed = Atomic(false)
            team.tasks(heads) { h, _ in
                let gram = DenseMatrix(rows: d, columns: d)
                gram.add(resident.head(layer: layer, head: h).value, times: share / resident.weights[layer])
                gram.add(own[h], times: ofOwn)
                guard let found = try? ValueBasis(gram: gram) else { return failed.store(true, ordering: .relaxed) }
                for i in 0..<(d * d) { basis[h * d * d + i] = Float(found.value.values[i]) }
            }
            team.flops.add(heads * UpkeepFLOPs.valueDecomposition(d), .upkeep)
            return failed.load(ordering: .relaxed) ? nil : ValueEpoch(start: start, basis: basis)
        }
    }

    /// Adds the values of every `sampleEvery`-th row of the sequence that is among `rows`, and tells how many these are.
    private func gather(_ input: AttentionInput, _ rows: Range<Int>, into grams: [DenseMatrix]) -> Int {
        let every = refinement.sampleEvery, d = headWidth, columns = heads * d
        let first = (rows.lowerBound + every - 1) / every * every
        guard first < rows.upperBound else { return 0 }
        let x = input.x.rows(first..<rows.upperBound).strided(by: every)
        let values = Buffer<Float>(uninitialized: x.rows * columns)
        input.map.outputs(input.shape.values, as: .upkeep)
            .forward(x, into: Matrix(values, rows: x.rows, columns: columns), on: team)
        team.tasks(heads) { h, _ in grams[h].add(gramOf: values.pointer + h * d, rows: x.rows, distance: columns) }
        team.flops.add(UpkeepFLOPs.valueGram(rows: x.rows, heads: heads, headWidth: d), .upkeep)
        return x.rows
    }
}

extension DenseMatrix {
    /// A ← A + factor · B.
    fileprivate func add(_ b: DenseMatrix, times factor: Double) {
        cblas_daxpy(blasint(values.count), factor, b.values.pointer, 1, values.pointer, 1)
    }
}
