import Communicator
import Crypto
import Files
import Foundation
import Options
import Worker

/// What all ranks of a job must have alike: a job of unequal ranks hangs, crashes, or trains something that nobody asked for.
public enum SameOnAllRanks {
    /// Collective: compares the programs' own bytes.
    ///
    /// - Throws: `AgreedError` where a rank runs another build than rank 0, and `MPIError`.
    static func requireBuild(on world: borrowing Communicator) throws {
        guard world.size > 1 else { return }
        let own = try agreed(on: world) {
            SHA256.hash(data: Data(try SystemFile.contents(of: "/proc/self/exe"))).map { String($0, radix: 16) }.joined()
        }
        let first = try world.broadcast(own, root: 0)
        try agreed(on: world) {
            guard own == first else {
                throw ConfigurationError("this rank runs another build of the program than rank 0; install one on all nodes")
            }
        }
    }

    /// Collective: compares options, by name.
    ///
    /// - Throws: `AgreedError` that names the first option in which a rank differs from rank 0, and `MPIError`.
    public static func require(_ options: [(name: String, value: String)], on world: borrowing Communicator) throws {
        guard world.size > 1 else { return }
        let own = options.map { [$0.name, $0.value] }
        let bytes = try world.broadcast(Array(try JSONEncoder().encode(own)), root: 0)
        try agreed(on: world) {
            let others = try JSONDecoder().decode([[String]].self, from: Data(bytes))
            let first = Dictionary(others.map { ($0[0], $0[1]) }) { $1 }
            let own = Dictionary(own.map { ($0[0], $0[1]) }) { $1 }
            for name in (options.map(\.name) + others.map { $0[0] }) where first[name] != own[name] {
                func said(_ value: String?) -> String { value.map { $0.isEmpty ? "empty" : $0 } ?? "not given" }
                throw ConfigurationError(
                    "\(option: name) is \(said(own[name])) on this rank and \(said(first[name])) on rank 0; "
                        + "give all ranks the same options and configuration file")
            }
        }
    }
}
