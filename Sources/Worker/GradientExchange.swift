import Communicator
import Kernels
import Transformer

/// Sums gradients over replicas, a bucket at a time, while the backward pass goes on.
///
/// A bucket is one layer, or what lies outside the layers. Sums arrive in a buffer of their own: Open MPI's
/// nonblocking allreduce is not to be trusted in place (open-mpi/ompi#9385).
final class GradientExchange {
    private let grid: Grid
    private let arena: ParameterArena
    private let received: Buffer<Float>?
    private var requests = RequestQueue()
    /// Seconds spent waiting for sums since the last `finish`.
    private(set) var exposedSeconds = 0.0

    init(grid: Grid, arena: ParameterArena) {
        self.grid = grid
        self.arena = arena
        let isShared = grid.topology.replicas > 1 || grid.embeddingOwners != nil
        received = isShared ? Buffer(count: arena.layout.count, repeating: 0) : nil
    }

    /// The summed gradients, once `finish` has returned.
    var gradients: Buffer<Float> { received ?? arena.gradients }

    /// The layer's gradients are complete on this rank: sends them out.
    func start(layer: Int) throws {
        try start(arena.layout.range(ofLayer: layer), on: grid.sameStage, name: "gradients of layer \(layer)")
        try progress()
    }

    /// Everything outside the layers is complete: sends it out.
    func startRest() throws {
        let layout = arena.layout
        let rest = layout.parameters.filter { !$0.name.hasPrefix("transformer.h.") }
        for parameter in rest where parameter.name != ParameterLayout.tokenEmbedding || grid.embeddingOwners == nil {
            try start(parameter.range, on: grid.sameStage, name: "gradient of \(parameter.name)")
        }
        if grid.embeddingOwners != nil, let embedding = layout[ParameterLayout.tokenEmbedding] {
            try startTied(embedding)
        }
    }

    /// Lets MPI move on: it makes no progress unasked.
    func progress() throws { try requests.progress() }

    /// Waits for all sums.
    func finish() throws {
        let start = monotonicSeconds()
        try requests.waitAll()
        exposedSeconds = monotonicSeconds() - start
    }

    /// Gives up, so that another error can end the job.
    func abandon() { requests.abandonAll() }

    private func startTied(_ embedding: Parameter) throws {
        guard let received else { return }
        let request = try grid.embeddingOwners?.iallreduce(
            arena.gradients[embedding.range], into: received[embedding.range], .sum,
            name: "gradient of the tied embedding")
        if let request { requests.add(request) }
    }

    private func start(_ range: Range<Int>, on group: borrowing Communicator, name: String) throws {
        guard let received else { return }
        if group.size == 1 {
            received[range].copy(from: arena.gradients[range])
        } else {
            requests.add(
                try group.iallreduce(arena.gradients[range], into: received[range], .sum, name: name))
        }
    }
}
