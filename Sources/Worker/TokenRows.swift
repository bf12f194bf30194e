import Communicator
import Kernels
import Transformer

// R replicas, M rows of a micro-batch, D width, V entries of the vocabulary.

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
