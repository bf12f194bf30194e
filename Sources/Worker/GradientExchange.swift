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
    private let tokenRows: TokenRows?
    /// Whether first and last stages share the token embedding, and are not the same.
    private let sharesEmbedding: Bool
    private var requests = RequestQueue()
    /// Seconds spent waiting for sums since the last `finish`.
    private(set) var exposedSeconds = 0.0

    /// - Parameter rows: of the largest micro-batch on any replica.
    init(grid: Grid, arena: ParameterArena, configuration: ModelConfiguration, rows: Int) {
        self.grid = grid
        self.arena = arena
        tokenRows = grid.topology.stages > 1
            ? nil : TokenRows(replicas: grid.topology.replicas, rows: rows, configuration)
        sharesEmbedding = grid.embeddingOwners != nil && configuration.tiesHead
        let isShared = grid.topology.replicas > 1 || sharesEmbedding
        received = isShared ? Buffer(count: arena.layout.count, repeating: 0) : nil
    }

    /// Whether the last micro-batch's rows of the token embedding's gradient are left apart from it.
    var keepsTokenRows: Bool { tokenRows != nil }

    /// The summed gradients, once `finish` has returned.
    var gradients: Buffer<Float> { received ?? arena.gradients }

    /// The layer's gradients are complete on this rank: sends them out.
    func start(layer: Int) throws {
        try start(arena.layout.range(ofLayer: layer), on: grid.sameStage, name: "gradients of layer \(layer)")
        try progress()
    }

    /// The head's gradient is complete: sends it out, and that of the token embedding where only the rows of the last
    /// micro-batch are to come.
    func startHead() throws {
        if let head = arena.layout[.head] { try start(head) }
        if tokenRows != nil { try startTokenEmbedding() }
    }

    private func startTokenEmbedding() throws {
        if let embedding { try start(embedding) }
    }

    private func start(_ parameter: Parameter) throws {
        try start(parameter.range, on: grid.sameStage, name: "gradient of \(parameter.name)")
    }

    /// Everything outside the layers is complete: sends it out, or the rows `dx` of the last micro-batch where the rest of
    /// the token embedding's gradient went before.
    func startRest(_ batch: MicroBatch, dx: Buffer<Float>) throws {
        for parameter in arena.layout.parameters
        where parameter.layer == nil && parameter.role != .tokenEmbedding && parameter.role != .head {
            try start(parameter)
        }
        if let tokenRows {
            try tokenRows.start(batch, dx: dx, on: grid.sameStage, &requests)
        } else if sharesEmbedding {
            try startTied()
        } else {
            try startTokenEmbedding()
        }
    }

    private var embedding: Parameter? { arena.layout[.tokenEmbedding] }

    /// Lets MPI move on: it makes no progress unasked.
    func progress() throws { try requests.progress() }

    /// Waits for all sums.
    func finish(on team: Team) throws {
        let start = monotonicSeconds()
        try requests.waitAll()
        exposedSeconds = monotonicSeconds() - start
        if let tokenRows, let received, let embedding {
            tokenRows.add(
                to: Matrix(received[embedding.range], rows: embedding.shape[0], columns: embedding.shape[1]), on: team)
        }
    }

    /// Gives up, so that another error can end the job.
    func abandon() { requests.abandonAll() }

    private func startTied() throws {
        guard let received, let embedding else { return }
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
