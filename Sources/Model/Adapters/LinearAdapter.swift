import CKernels
import Kernels

// M rows; n inputs, m outputs of the linear map.

/// What stands at a linear map y = x W + b and adds to it, with the gradients of its own parameters.
///
/// `Linear` asks it wherever it multiplies, so whoever multiplies with a map need not know of it. W and b have no gradients
/// then.
protocol LinearAdapter: Sendable {
    /// Columns of y that it adds to, counted from the map's first.
    var outputs: Range<Int> { get }

    /// y += what it adds for x; x: [M, n], y: [M, m].
    func forward(_ x: Matrix, into y: Matrix, _ kind: FlopKind, dropping: AdapterDropout?, on team: Team)

    /// Adds to its parameters' gradients where x is given, and to dx where that is; dy: [M, m], x, dx: [M, n].
    func backward(dy: Matrix, x: Matrix?, dx: Matrix?, _ kind: FlopKind, dropping: AdapterDropout?, on team: Team)

    /// FLOPs of `forward` on `rows` rows.
    func flops(rows: Int) -> Int

    /// The part that adds to the outputs `range`, of the map to those alone; nil for none.
    func restricted(toOutputs range: Range<Int>) -> (any LinearAdapter)?

    /// The part that reads the inputs `range`, of the map of those alone.
    func restricted(toInputs range: Range<Int>) -> any LinearAdapter

    /// W += what it comes to where nothing is dropped; W: [n, m].
    func merge(into weight: Matrix, on team: Team)

    /// Adds to its parameters' gradients what dW: [n, m], the gradient of a merged weight, comes to for them.
    func addGradients(ofMerged weightGradient: Matrix, on team: Team)
}

/// What a step drops of adapters' inputs in one layer: a pure function of (seed, step, sample, layer, map, element).
struct AdapterDropout: Sendable {
    private let rate: Float
    private let layer: Philox
    private let batch: MicroBatch

    /// Nil where nothing is dropped.
    init?(_ dropout: Dropout?, layer: Int, batch: MicroBatch) {
        guard let dropout, dropout.adapterRate > 0 else { return nil }
        rate = dropout.adapterRate
        self.layer = dropout.adapters.derived(UInt32(layer), 0, 0, RandomPurpose.adapterDropout)
        self.batch = batch
    }

    /// x ← mask ∘ x / (1 − rate) for the input of the layer's map `map`, or its columns from `first` on; x: [B L, n].
    func apply(to x: Matrix, map: Int, firstColumn first: Int, on team: Team) {
        precondition(x.rows == batch.rows, "\(x.rows) rows of a micro-batch of \(batch.rows)")
        let key = layer.derived(UInt32(map), 0, 0, RandomPurpose.adapterDropout).key
        let length = batch.length, samples = batch.samples, rate = rate
        team.split(x.rows) { rows in
            var row = rows.lowerBound
            while row < rows.upperBound {
                let sequence = row / length, end = min(rows.upperBound, (sequence + 1) * length)
                drrl_dropout(
                    x.pointer + row * x.stride, x.stride, end - row, x.columns, key, samples[sequence],
                    row - sequence * length, first, rate)
                row = end
            }
        }
    }
}
