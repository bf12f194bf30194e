import Kernels
import Model

/// A kernel and its reference on random queries, keys and values.
struct KernelRun {
    let kind: AttentionKind
    let configuration: ModelConfiguration
    let heads: Reference.Heads
    let batch: MicroBatch
    /// The kernel is made for layers 1 and 2, and runs as layer 2.
    static let layer = 2

    init(_ kind: AttentionKind, sequences: Int, length: Int, heads H: Int, headWidth d: Int) throws {
        self.kind = kind
        configuration = try ModelConfiguration(
            vocabularySize: 5, context: length + 1, width: H * d, heads: H, layers: 3)
        heads = Reference.Heads(sequences: sequences, length: length, heads: H, headWidth: d)
        batch = SampleValues.microBatch(sequences: sequences, length: length, vocabulary: 5, seed: 3)
    }

    var qkvCount: Int { batch.rows * 3 * configuration.width }
    var outCount: Int { batch.rows * configuration.width }

    func reference(_ qkv: [Double]) -> [Double] {
        switch kind {
        case .softmax:
            return Reference.Attention(
                sequences: heads.sequences, length: heads.length, heads: heads.heads, headWidth: heads.headWidth
            ).forward(qkv).out
        case .performer(let features, let seed):
            let d = heads.headWidth
            let directions = (0..<heads.heads).map { head in
                let all = OrthogonalFeatures.draw(count: features, width: d, seed: seed, layer: Self.layer, head: head)
                return (0..<features).map { Array(all[($0 * d)..<(($0 + 1) * d)]) }
            }
            return heads.forward(qkv) { Reference.performer($1, $2, $3, directions: directions[$0]) }
        case .nystrom(let landmarks, let segment):
            return heads.forward(qkv) {
                Reference.nystrom($1, $2, $3, landmarks: min(landmarks, segment), segment: segment, ridge: 0.01)
            }
        }
    }

    struct Result {
        let out, dqkv: Guarded
        let kept: Guarded
        let flops: FlopCounter
        var isIntact: Bool { [out, dqkv, kept].areIntact }
    }

    /// Forward, and backward where `dout` is given, into NaN-filled buffers.
    func run(qkv: [Float], dout: [Float]? = nil, threads: Int = 1) -> Result {
        let team = Team(threads: threads)
        let result = Result(
            out: Guarded(unwritten: outCount), dqkv: Guarded(unwritten: qkvCount),
            kept: Guarded(unwritten: batch.rows * heads.heads), flops: team.flops)
        guard let kernel = kind.kernel(configuration, layers: 1..<3, team: team, forTraining: dout != nil) else {
            preconditionFailure("softmax is no kernel")
        }
        // Twice, so that nothing rests on what memory held before.
        for _ in 0..<2 {
            team.flops.reset()
            kernel.forward(
                qkv: Buffer(qkv), out: result.out.values, kept: result.kept.values, batch: batch, layer: Self.layer,
                on: team)
            guard let dout else { continue }
            kernel.backward(
                qkv: Buffer(qkv), out: result.out.values, kept: result.kept.values, dout: Buffer(dout),
                dqkv: result.dqkv.values, delta: Buffer(count: batch.rows * heads.heads, repeating: .nan), batch: batch,
                layer: Self.layer, on: team)
        }
        return result
    }
}
