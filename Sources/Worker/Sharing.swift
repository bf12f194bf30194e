import Communicator
import Foundation
import Kernels

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
    func fill<Element: MPIElement>(
        _ pieces: [Buffer<Element>]?, count: Int, read: (Buffer<Element>) throws -> Void
    ) throws {
        let inPlace = pieces.flatMap { $0.count == 1 ? $0[0] : nil }
        let elements = inPlace ?? Buffer(uninitialized: count)
        try agreed(on: self) { if rank == 0 { try read(elements) } }
        try broadcast(elements, root: 0)
        if inPlace == nil, let pieces { elements.copy(to: pieces) }
    }
}
