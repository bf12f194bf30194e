import Kernels
import LinearAlgebra
import Synchronization

/// How closely bases follow their Grams.
public struct TrackingOptions: Sendable, Equatable {
    /// The share of energy by which a basis may fall short, at any rank of the levels, of the best basis for the Grams,
    /// and by which its NER may be off.
    public var tolerance: Double
    /// Steps of orthogonal iteration tried before a full decomposition. At d = 64 a step costs a quarter of what the
    /// decomposition does, and so does the check before it: more than one does not pay.
    public var iterations: Int
    /// See `ScoreBasis`.
    public var ridge: Double
    /// Whether the Grams of keys are taken around their mean, which softmax does not see.
    public var centresKeys: Bool
    /// What value bases keep best; `loss` where gradients of outputs have been summed, else `energy`.
    public var values: ValueMeasure

    public init(
        tolerance: Double = 1e-3, iterations: Int = 1, ridge: Double = ScoreBasis.defaultRidge, centresKeys: Bool = false,
        values: ValueMeasure = .energy
    ) {
        precondition(tolerance >= 0 && iterations >= 0 && ridge > 0)
        self.centresKeys = centresKeys
        self.values = values
        self.tolerance = tolerance
        self.iterations = iterations
        self.ridge = ridge
    }
}

/// What upkeep did and cost, summed over score and value bases of all heads.
public struct Upkeep: Sendable, Equatable {
    /// Bases left as they were.
    public var kept = 0
    /// Bases turned by orthogonal iteration.
    public var iterated = 0
    /// Bases decomposed again.
    public var decomposed = 0
    /// Steps of orthogonal iteration, those that did not suffice included.
    public var iterations = 0
    /// Floating-point operations of the checks (`UpkeepFLOPs`).
    public var checkFLOPs = 0
    /// Of the iterations, those that did not suffice included.
    public var iterationFLOPs = 0
    /// Of the full decompositions.
    public var decompositionFLOPs = 0
    /// Seconds of the clock, summed over heads.
    public var seconds = 0.0

    public init() {}

    public static func + (a: Upkeep, b: Upkeep) -> Upkeep {
        var sum = a
        sum.kept += b.kept
        sum.iterated += b.iterated
        sum.decomposed += b.decomposed
        sum.iterations += b.iterations
        sum.checkFLOPs += b.checkFLOPs
        sum.iterationFLOPs += b.iterationFLOPs
        sum.decompositionFLOPs += b.decompositionFLOPs
        sum.seconds += b.seconds
        return sum
    }
}

/// Keeps the bases of a stage's heads close to their Grams at less than the cost of decomposing them each time.
///
/// For each head's newer Grams the energy that the basis held leaves out is computed exactly, at every rank of the levels:
/// - what the best basis could gain (`DriftBound.missedEnergy`) and the error of the NER held are at most `tolerance`: the
///   basis is kept, bit for bit;
/// - the bound fails where the spectrum is smooth; the best basis's energies are then computed (eigenvalues alone, less
///   than half of the time with vectors), and the basis is kept if that says so;
/// - else up to `iterations` steps of warm orthogonal iteration, if they bring it within `tolerance`;
/// - else a full decomposition.
/// So a basis left standing is never further than `tolerance` from the best. Davis–Kahan is no criterion here: within a
/// cluster of equal energies it allows any rotation, and none does harm.
///
/// The result depends on Grams and bases alone, not on threads: replicas with equal Grams have equal bases.
public struct BasisTracker: Sendable {
    public let options: TrackingOptions
    private let scoreRanks: [Int]
    private let valueRanks: [Int]

    /// A tracker that answers for the ranks of `levels`.
    public init(levels: [Level], options: TrackingOptions = TrackingOptions()) {
        self.options = options
        scoreRanks = Array(Set(levels.map(\.scoreRank))).sorted()
        valueRanks = Array(Set(levels.map(\.valueRank))).sorted()
    }

    /// Brings the bases of some heads, counted through the layers, or of all up to date with `grams`; `now` gives seconds.
    ///
    /// - Throws: `LAPACKError`, the first by head, where a Gram is not finite; that head's basis stays as it was.
    public func update(
        _ bases: BasisSet, _ which: Range<Int>? = nil, to grams: GramSet, on team: Team, now: @Sendable () -> Double
    ) throws(LAPACKError) -> Upkeep {
        precondition(
            bases.layers == grams.layers && bases.heads == grams.heads && bases.headWidth == grams.headWidth)
        let heads = grams.heads, which = which ?? 0..<(grams.layers * heads)
        let results = Mutex<[Result<Upkeep, LAPACKError>?]>(Array(repeating: nil, count: which.count))
        team.tasks(which.count) { task, _ in
            let (layer, head) = (which.lowerBound + task).quotientAndRemainder(dividingBy: heads)
            let result = Result { () throws(LAPACKError) in
                try update(bases.head(layer: layer, head: head), to: grams.head(layer: layer, head: head), now: now)
            }
            results.withLock { $0[task] = result }
        }
        var sum = Upkeep()
        for result in results.withLock({ $0 }) {
            if let result { sum = sum + (try result.get()) }
        }
        return sum
    }

    /// Brings one head's bases up to date.
    public func update(_ basis: HeadBasis, to gram: HeadGram, now: () -> Double) throws(LAPACKError) -> Upkeep {
        let start = now()
        var upkeep = Upkeep()
        let key = options.centresKeys ? gram.centredKey : gram.key
        let score = try newPair(
            basis.query, basis.key, basis.scoreSpectrum, queryGram: gram.query, keyGram: key, scoreRanks, &upkeep)
        let value = try newValue(basis, gram, &upkeep)
        if let score { basis.set(score) }
        if let value { basis.set(value) }
        if options.centresKeys { basis.keyMean.copy(from: Buffer(gram.keyMean)) }
        upkeep.seconds = now() - start
        return upkeep
    }

    /// The pair that takes the place of the one held, `query` and `key`, or nil where that is kept.
    private func newPair(
        _ query: DenseMatrix, _ key: DenseMatrix, _ spectrum: Spectrum, queryGram: DenseMatrix, keyGram: DenseMatrix,
        _ ranks: [Int], _ upkeep: inout Upkeep
    ) throws(LAPACKError) -> ScoreBasis? {
        let d = query.rows
        let gq = try RegularisedGram(queryGram, ridge: options.ridge)
        let gk = try RegularisedGram(keyGram, ridge: options.ridge)
        let scale = gq.scale * gk.scale
        // A basis that no longer factors the Gram is one to decompose again; so is that of a zero Gram.
        if query.frobeniusNorm > 0, scale > 0,
            let look = try? HeldBasis.score(gq.matrix, gk.matrix, query: query, key: key)
        {
            var (held, factor) = look
            upkeep.checkFLOPs += UpkeepFLOPs.scoreCheck(d)
            if try isKept(&held, spectrum, ranks, &upkeep) { return nil }
            if try iterate(&held, ranks, &upkeep) {
                upkeep.iterationFLOPs += UpkeepFLOPs.scoreTurn(d)
                let turned = ScoreBasis(
                    query: .product(query, .product(factor, held.turn)),
                    key: .product(key, held.turn.solved(lower: factor, transpose: true)),
                    spectrum: Spectrum(energies: held.core.diagonal.map { $0 * scale }))
                // Rounding adds up from turn to turn; a decomposition starts afresh.
                let identity = DenseMatrix.product(turned.query, turned.key, transposeA: true) - .identity(d)
                if identity.frobeniusNorm <= Self.inverseTolerance {
                    upkeep.iterated += 1
                    return turned
                }
            }
        }
        upkeep.decomposed += 1
        upkeep.decompositionFLOPs += UpkeepFLOPs.scoreDecomposition(d)
        return try ScoreBasis(queryGram: queryGram, keyGram: keyGram, ridge: options.ridge)
    }

    private func newValue(
        _ basis: HeadBasis, _ gram: HeadGram, _ upkeep: inout Upkeep
    ) throws(LAPACKError) -> ValueBasis? {
        let d = basis.headWidth
        if options.values == .loss, gram.output.frobeniusNorm > 0 {
            return try newPair(
                basis.output, basis.value, basis.valueSpectrum, queryGram: gram.output, keyGram: gram.value, valueRanks,
                &upkeep
            ).map(ValueBasis.init(pair:))
        }
        if !basis.isEmpty, gram.value.isFinite {
            var held = HeldBasis.value(gram.value, vectors: basis.value)
            upkeep.checkFLOPs += UpkeepFLOPs.valueCheck(d)
            if try isKept(&held, basis.valueSpectrum, valueRanks, &upkeep) { return nil }
            if try iterate(&held, valueRanks, &upkeep) {
                upkeep.iterationFLOPs += UpkeepFLOPs.valueTurn(d)
                upkeep.iterated += 1
                return ValueBasis(
                    vectors: .product(basis.value, held.turn), spectrum: Spectrum(energies: held.core.diagonal))
            }
        }
        upkeep.decomposed += 1
        upkeep.decompositionFLOPs += UpkeepFLOPs.valueDecomposition(d)
        return try ValueBasis(gram: gram.value)
    }

    private func isKept(
        _ held: inout HeldBasis, _ spectrum: Spectrum, _ ranks: [Int], _ upkeep: inout Upkeep
    ) throws(LAPACKError) -> Bool {
        guard held.total > 0 || spectrum.total == 0 else { return false }
        let isStale = held.ratioError(of: spectrum, ranks: ranks) > options.tolerance
        if isStale || held.missed(ranks: ranks) > options.tolerance {
            try held.measure()
            upkeep.checkFLOPs += UpkeepFLOPs.symmetricEigenvalues(held.core.rows)
            if isStale || held.missed(ranks: ranks) > options.tolerance { return false }
        }
        upkeep.kept += 1
        return true
    }

    /// Whether the steps allowed brought the basis within tolerance, its energies in descending order.
    private func iterate(
        _ held: inout HeldBasis, _ ranks: [Int], _ upkeep: inout Upkeep
    ) throws(LAPACKError) -> Bool {
        for _ in 0..<options.iterations {
            try held.iterate()
            upkeep.iterations += 1
            upkeep.iterationFLOPs += UpkeepFLOPs.iteration(held.core.rows)
            if held.missed(ranks: ranks) <= options.tolerance { return true }
        }
        return false
    }

    /// ‖Bqᵀ Bk − I‖_F at most, well below what float32 attention can see.
    private static let inverseTolerance = 1e-8
}
