import Corpus
import Kernels
import Model

/// Where training samples come from: windows of a shard, in an order that only the seed decides.
public struct BatchSource: Sendable {
    /// The text.
    public let shard: Shard
    /// Its cut into samples.
    public let windows: TrainingWindows
    private let order: SampleOrder

    /// - Throws: `CorpusError` when the shard is shorter than one context.
    public init(shard: Shard, context: Int, seed: UInt64) throws(CorpusError) {
        self.shard = shard
        windows = try TrainingWindows(tokens: shard.count, context: context)
        order = try SampleOrder(seed: seed, sampleCount: windows.count)
    }

    /// Samples `first ..< first + count` of the run, as one micro-batch.
    public func microBatch(first: Int, count: Int) -> MicroBatch {
        let length = windows.context
        let tokens = Buffer<Int32>(uninitialized: count * length)
        let targets = Buffer<Int32>(uninitialized: count * length)
        for i in 0..<count {
            let rows = (i * length)..<((i + 1) * length)
            shard.readWindow(
                windows.range(of: order.position(first + i)), inputs: tokens[rows], targets: targets[rows])
        }
        return MicroBatch(
            sequences: count, length: length, tokens: tokens, targets: targets,
            samples: (first..<(first + count)).map { UInt64($0) })
    }

    /// The epoch that sample `index` of the run belongs to.
    public func epoch(of index: Int) -> Int { index / windows.count }
}
