/// The failure of another rank, on which this rank must not go ahead either.
public struct RemoteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The lowest rank that failed, in the communicator that voted.
    public let rank: Int
    /// What that rank said of it.
    public let message: String

    public init(rank: Int, message: String) {
        self.rank = rank
        self.message = message
    }

    public var description: String { "rank \(rank) failed: \(message)" }
}

extension Communicator {
    /// Collective: tells all ranks whether any of them failed.
    ///
    /// - Parameter failure: what went wrong on this rank; nil if nothing did.
    /// - Returns: on all ranks the failure of the lowest rank that had one; nil if none had.
    /// - Throws: `MPIError`.
    public func vote(_ failure: String?) throws(MPIError) -> RemoteError? {
        let lowest = try Int(allreduce(Int64(failure == nil ? size : rank), .min))
        guard lowest < size else { return nil }
        return RemoteError(rank: lowest, message: try broadcast(failure ?? "", root: lowest))
    }

    /// Collective: runs `body` on all ranks, and goes ahead on all or on none.
    ///
    /// Where it threw on any rank, every rank throws: the lowest that failed its own error, all others a
    /// `RemoteError`, so that one rank alone has the cause to report. `body` must not leave other ranks
    /// waiting when it throws, so it makes no collective calls.
    ///
    /// - Throws: these, and `MPIError`.
    public func agree<Result: ~Copyable>(_ body: () throws -> Result) throws -> Result {
        let outcome: Swift.Result<Result, any Error>
        var failure: String?
        do {
            outcome = .success(try body())
        } catch {
            outcome = .failure(error)
            failure = "\(error)"
        }
        if let remote = try vote(failure), remote.rank != rank { throw remote }
        return try outcome.get()
    }
}

/// A failure that every rank knows of: rank 0 reports it and all leave in order.
public struct AgreedError: Error, CustomStringConvertible {
    public let description: String
    public init(_ description: String) { self.description = description }
}

/// Collective: `Communicator.agree`, with one error on every rank.
public func agreed<Result: ~Copyable>(on world: borrowing Communicator, _ body: () throws -> Result) throws -> Result {
    do {
        return try world.agree(body)
    } catch let error as MPIError {
        throw error
    } catch let error as RemoteError {
        throw AgreedError(error.rank == 0 ? error.message : "\(error.message) (rank \(error.rank))")
    } catch {
        throw AgreedError(world.rank == 0 ? "\(error)" : "\(error) (rank \(world.rank))")
    }
}
