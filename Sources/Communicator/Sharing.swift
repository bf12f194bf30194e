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
