import Communicator
import Kernels
import Model

// R replicas, M rows of a micro-batch, D width, V entries of the vocabulary.

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

    /// - Parameters:
    ///   - arena: of what learns.
    ///   - rows: of the largest micro-batch on any replica.
    init(grid: Grid, arena: ParameterArena, configuration: ModelConfiguration, rows: Int) {
        self.grid = grid
        self.arena = arena
        let holdsEmbedding = arena.layout.holds(.tokenEmbedding)
        tokenRows = grid.topology.stages > 1 || !holdsEmbedding
            ? nil : TokenRows(replicas: grid.topology.replicas, rows: rows, configuration)
        sharesEmbedding = grid.embeddingOwners != nil && configuration.tiesHead && holdsEmbedding
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
        guard let received, !range.isEmpty else { return }
        if group.size == 1 {
            received[range].copy(from: arena.gradients[range])
        } else {
            requests.add(
                try group.iallreduce(arena.gradients[range], into: received[range], .sum, name: name))
        }
    }
}

/// The last micro-batch's part of the token embedding's gradient, gathered from all replicas as rows.
///
/// The tied embedding is most of a small model's gradients. What the head adds to it is complete before the layers'
/// backward passes begin, so its sum over replicas can hide behind them, if the rows that come last go another way.
struct TokenRows {
    /// [M], −1 where a micro-batch is shorter, and [M, D].
    private let ownTokens: Buffer<Int32>
    private let ownRows: Buffer<Float>
    /// [R, M] and [R, M, D].
    private let allTokens: Buffer<Int32>
    private let allRows: Buffer<Float>

    /// Nil where rows would be no less to send than half the table, or nobody else is there.
    ///
    /// - Parameter rows: M, the most of any replica.
    init?(replicas: Int, rows: Int, _ configuration: ModelConfiguration) {
        guard replicas > 1, 2 * replicas * rows <= configuration.vocabularySize else { return nil }
        let width = configuration.width
        ownTokens = Buffer(count: rows, repeating: -1)
        ownRows = Buffer(count: rows * width, repeating: 0)
        allTokens = Buffer(count: replicas * rows, repeating: -1)
        allRows = Buffer(count: replicas * rows * width, repeating: 0)
    }

    /// Collective over `group`: sends out the rows `dx` of a micro-batch.
    func start(_ batch: MicroBatch, dx: Buffer<Float>, on group: borrowing Communicator, _ requests: inout RequestQueue) throws {
        ownTokens.fill(-1)
        ownTokens[0..<batch.rows].copy(from: batch.tokens[0..<batch.rows])
        let count = batch.rows * (ownRows.count / ownTokens.count)
        ownRows[0..<count].copy(from: dx[0..<count])
        requests.add(try group.iallgather(ownTokens, into: allTokens, name: "tokens of the last micro-batch"))
        requests.add(try group.iallgather(ownRows, into: allRows, name: "gradients of the last tokens"))
    }

    /// Adds what has arrived to the table [V, D], in the order of replicas.
    func add(to table: Matrix, on team: Team) {
        tokenEmbeddingBackward(allTokens, dx: allRows, tokenTable: table, on: team)
    }
}
