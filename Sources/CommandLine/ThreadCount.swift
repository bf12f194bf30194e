import Communicator
import Foundation
import Options

/// How many threads a rank gets.
public struct ThreadCount {
    /// Both programs take it, and each rank may have its own.
    public static let option = NamedOption<Int>(
        "threads", "n", "Threads a rank", otherwise: "its share of the cores it may use", .within(1...most))
    /// The most that can be asked for.
    public static let most = 1024

    /// Of this rank.
    public let threads: Int
    /// Ranks on this node, this one among them.
    public let neighbours: Int
    /// Cores this rank may use, ranks on its node, and what follows, for the start-up lines.
    public let explanation: String
    /// Why the number asked for serves nobody; nil where it may.
    public let warning: String?

    /// Collective. The number asked for; or all cores of a rank that is bound to some; or this rank's share of the node.
    ///
    /// - Parameters:
    ///   - asked: nil where nobody asked.
    ///   - world: all ranks.
    /// - Throws: `MPIError`, and `ProcessError` where the affinity mask cannot be read.
    public init(asked: Int?, world: borrowing Communicator) throws {
        let usable = try Affinity.usableCores()
        neighbours = try world.splitShared().size
        let isBound = usable < ProcessInfo.processInfo.processorCount
        threads = asked ?? max(1, isBound ? usable : usable / neighbours)
        warning = threads > usable
            ? "\(threads) threads share \(usable) core\(usable == 1 ? "" : "s"); --\(Self.option.name) \(usable) is as fast or "
                + "faster" : nil
        explanation = "\(usable) usable core\(usable == 1 ? "" : "s")\(isBound ? " (bound)" : ""), "
            + "\(neighbours) rank\(neighbours == 1 ? "" : "s") on the node"
    }
}
