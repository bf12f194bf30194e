import Kernels
import Synchronization

/// What a layer's attention reads: the norm's output, and the map that makes queries, keys and values of it.
public struct AttentionInput: Sendable {
    /// The layer's number in the model.
    public let layer: Int
    /// [M, D].
    public let x: Matrix
    let maps: AttentionMaps
    /// The rows of x whose levels are asked for; others may be named anything. All of them unless told.
    package let asked: Range<Int>

    init(layer: Int, x: Matrix, maps: AttentionMaps, asked: Range<Int>? = nil) {
        self.layer = layer
        self.x = x
        self.maps = maps
        self.asked = asked ?? 0..<x.rows
    }

    /// Queries, keys and values of x, before positions rotate them: [D, (H + 2 G) d].
    public var map: Linear { maps.input }
    public var shape: AttentionShape { maps.shape }

    /// Queries, keys and values as attention multiplies them, after their rotation where positions rotate: [M, (H + 2 G) d].
    ///
    /// - Parameters:
    ///   - x: [M, D] rows of this input: as many of each sequence, at positions `first`, `first` + `step`, ….
    ///   - kind: what the products count as.
    public func projected(
        _ x: Matrix, sequences: Int, from first: Int, step: Int, as kind: FlopKind, on team: Team
    ) -> Buffer<Float> {
        let columns = shape.columns, qkv = Buffer<Float>(uninitialized: x.rows * columns)
        map.outputs(0..<columns, as: kind).forward(x, into: Matrix(qkv, rows: x.rows, columns: columns), on: team)
        let each = x.rows / sequences
        for sequence in 0..<sequences {
            maps.rotary?.rotate(
                qkv[(sequence * each * columns)..<((sequence + 1) * each * columns)], heads: maps.rotatedHeads,
                rowStride: columns, rows: each, from: first, step: step)
        }
        return qkv
    }
}

/// The gradient of what a layer's attention adds to the residual stream, and the map that made that of the heads' outputs.
public struct BranchGradient: Sendable {
    /// The layer's number in the model.
    public let layer: Int
    /// [M, D].
    public let gradient: Matrix
    let maps: AttentionMaps

    public var shape: AttentionShape { maps.shape }

    /// The gradients of the heads' outputs at some rows of it, at full width: [rows, H d].
    ///
    /// - Parameter kind: what the product counts as.
    public func ofOutputs(_ rows: Matrix, as kind: FlopKind, on team: Team) -> Buffer<Float> {
        let dout = Buffer<Float>(uninitialized: rows.rows * shape.width)
        maps.output.outputs(0..<rows.columns, as: kind).inputGradient(
            rows, into: Matrix(dout, rows: rows.rows, columns: shape.width), on: team)
        return dout
    }
}

/// The levels of a layer and micro-batch, and who wants to know what came of them.
public struct ChosenLevels: Sendable {
    public let levels: SegmentLevels
    /// Sees what attention gave at these levels in the forward pass; not where bases are refined.
    let review: (@Sendable (AttentionOutput) -> Void)?

    public init(_ levels: SegmentLevels, review: (@Sendable (AttentionOutput) -> Void)? = nil) {
        self.levels = levels
        self.review = review
    }
}

/// What is known of the levels that a pass will name.
public struct LevelBounds: Sendable {
    /// By layer of the stage, the most columns of scores and of values.
    let largest: [AttentionLevel]
    /// Whether levels follow from what attention reads; else those of a whole sequence are named as it begins.
    let followText: Bool

    public init(largest: [AttentionLevel], followText: Bool) {
        self.largest = largest
        self.followText = followText
    }
}

/// Attention below full rank on one stage: the folded weights of its layers, who names the levels, and who watches.
///
/// A layer's bases are folded into its weights when it first runs at a level, and again after `unfold`.
public struct LowRankPass: Sendable {
    /// Names the levels of a layer, given what its attention reads and the micro-batch; nil for full attention. For a
    /// segment's level it must look at earlier segments only.
    public typealias Choice = @Sendable (AttentionInput, MicroBatch) -> ChosenLevels?
    /// Sees each layer's attention input in the forward pass; for statistics that later steps use.
    public typealias Observer = @Sendable (AttentionInput, MicroBatch) -> Void
    /// Sees the gradient of each layer's attention in the backward pass; for the same.
    public typealias GradientObserver = @Sendable (BranchGradient, MicroBatch) -> Void
    /// Runs work of upkeep, and may time it.
    public typealias Timing = @Sendable (_ work: () -> Void) -> Void

    /// One for each of the stage's layers; none where attention stays full.
    package let layers: [FoldedAttention]
    package let levels: Choice
    package let observe: Observer?
    let observeGradient: GradientObserver?
    /// The most columns that each layer's levels may have, and whether they follow from what is read: else they are named
    /// for all of a sequence as it begins.
    let bounds: LevelBounds?
    /// In inference; nil where the bases of `layers` hold for all rows.
    let refine: Refinement?
    private let timing: Timing
    private let folds: Folds

    /// Which layers are folded.
    private final class Folds: Sendable {
        let isFolded: Mutex<[Bool]>
        init(_ count: Int) { isFolded = Mutex(Array(repeating: false, count: count)) }
    }

    /// - Parameters:
    ///   - bounds: of the levels, where known.
    ///   - timing: runs the folding of bases into weights.
    public init(
        layers: [FoldedAttention], observe: Observer? = nil, observeGradient: GradientObserver? = nil,
        refine: Refinement? = nil, bounds: LevelBounds? = nil, timing: @escaping Timing = { $0() },
        levels: @escaping Choice
    ) {
        self.layers = layers
        self.bounds = bounds
        self.observe = observe
        self.observeGradient = observeGradient
        self.refine = refine
        self.timing = timing
        self.levels = levels
        folds = Folds(layers.count)
    }

    /// Names no level.
    public static let full = LowRankPass(layers: []) { _, _ in nil }

    /// The folded weights of the stage's layer `i`, whose maps are `maps`: as these stood when it was first asked for.
    func folded(_ i: Int, _ maps: AttentionMaps, on team: Team) -> FoldedAttention {
        if !folds.isFolded.withLock({ $0[i] }) { fold(i, maps, on: team) }
        return layers[i]
    }

    /// Folds layer `i`, whether it was before or not.
    func fold(_ i: Int, _ maps: AttentionMaps, on team: Team) {
        timing { layers[i].fold(maps, on: team) }
        folds.isFolded.withLock { $0[i] = true }
    }

    /// Turns the gradients of layer `i`'s folded weights into those of the weights, if there are any.
    func unfold(_ i: Int, _ maps: AttentionMaps, on team: Team) {
        let isFolded = folds.isFolded.withLock { isFolded in
            defer { if !isFolded.isEmpty { isFolded[i] = false } }
            return !isFolded.isEmpty && isFolded[i]
        }
        if isFolded { timing { layers[i].unfold(into: maps, on: team) } }
    }

    /// How `block`, at `place` in the stage, attends to its norm's output `x` in this pass; nil where no level is named.
    func attention(of block: Block, _ place: Int, _ x: Matrix, _ batch: MicroBatch) -> (any AttentionSublayer)? {
        let input = AttentionInput(layer: block.layer, x: x, maps: block.maps)
        observe?(input, batch)
        guard !layers.isEmpty, let chosen = levels(input, batch) else { return nil }
        return layer(of: block, place, chosen)
    }

    /// How it attends at these levels.
    func layer(of block: Block, _ place: Int, _ chosen: ChosenLevels, far: CacheLayout.FarKeys? = nil) -> LowRankLayer {
        LowRankLayer(
            folded: folded(place, block.maps, on: block.team), maps: block.maps, attention: block.softmax, chosen: chosen,
            refine: refine, rotated: block.scratch.rotated, far: far)
    }
}
