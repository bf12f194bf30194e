import Foundation
import Kernels

/// The failure of another rank, on which this rank must not go ahead either.
public struct RemoteError: Error, Sendable, Equatable, CustomStringConvertible {
    /// The lowest rank that failed, in the communicator that voted.
    public let rank: Int
    /// What that rank said of it.
    public let message: String

    /// The failure of `rank`, which says `message` of it.
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
    /// What went wrong, on one line, with the rank where it is not 0.
    public let description: String
    /// - Parameter description: what went wrong, on one line.
    public init(_ description: String) { self.description = description }
}

/// Collective: `Communicator.agree`, with one error on every rank.
///
/// - Throws: `AgreedError` with the line of the lowest rank where `body` threw, and `MPIError`.
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

/// What rank 0 knows or reads, on every rank.
extension Communicator {
    /// Collective: rank 0's value; what other ranks pass is ignored.
    ///
    /// - Throws: `AgreedError` where it cannot be told as JSON, and `MPIError`.
    public func shared<Value: Codable>(_ own: Value?) throws -> Value {
        let json = try broadcast(agreed(on: self) { rank == 0 ? Array(try JSONEncoder().encode(own)) : [] }, root: 0)
        return try agreed(on: self) { try JSONDecoder().decode(Value.self, from: Data(json)) }
    }

    /// Collective: fills memory with what rank 0 reads: it reads, all agree that it could, the elements go to every rank.
    ///
    /// - Parameters:
    ///   - pieces: the memory, `count` elements in pieces that follow one another; nil on a rank that only passes them on.
    ///   - read: called on rank 0 alone, with memory in one piece.
    /// - Throws: `AgreedError` on every rank where `read` throws, and `MPIError`.
    package func fill<Element: MPIElement>(
        _ pieces: [Buffer<Element>]?, count: Int, read: (Buffer<Element>) throws -> Void
    ) throws {
        let inPlace = pieces.flatMap { $0.count == 1 ? $0[0] : nil }
        let elements = inPlace ?? Buffer(uninitialized: count)
        try agreed(on: self) { if rank == 0 { try read(elements) } }
        try broadcast(elements, root: 0)
        if inPlace == nil, let pieces { elements.copy(to: pieces) }
    }
}

extension Communicator {
    /// Collective: compares named values, such as options, with those of rank 0.
    ///
    /// - Parameters:
    ///   - own: this rank's values by name; a name comes once.
    ///   - fault: the error for the first name whose value differs: the name, the value here and that of rank 0, nil where
    ///     there is none.
    /// - Throws: `AgreedError` on every rank where any differs, and `MPIError`.
    public func requireSame(
        _ own: [(name: String, value: String)], fault: (_ name: String, _ own: String?, _ first: String?) -> any Error
    ) throws {
        guard size > 1 else { return }
        let first = try shared(own.map { [$0.name, $0.value] })
        try agreed(on: self) {
            let names = own.map(\.name) + first.map { $0[0] }
            let here = Dictionary(own.map { ($0.name, $0.value) }) { $1 }
            let there = Dictionary(first.map { ($0[0], $0[1]) }) { $1 }
            for name in names where here[name] != there[name] { throw fault(name, here[name], there[name]) }
        }
    }
}
