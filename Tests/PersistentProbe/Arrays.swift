import Kernels
import Worker

/// Arrays with every kind of holder, and one that earlier checkpoints have not.
final class Arrays: Persistent {
    /// By layer, in two pieces, on the stage that has it: stage s of 2 has layers 2s and 2s + 1.
    let layers: [Int: [Buffer<Double>]]
    /// Rank 0's alone.
    let root: Buffer<Float>?
    /// Every rank's.
    let shared: Buffer<Float>
    /// What a checkpoint of before it was kept stands in for with 0.5, by layer.
    let later: [Int: [Buffer<Double>]]?
    private(set) var adopted = 0

    let noun = "a number"
    let mayBeAbsent: Bool
    private let prefix: String

    init(_ topology: Topology, under prefix: String = "/probe", later hasLater: Bool = false, mayBeAbsent: Bool = false) {
        let own = (2 * topology.stage)..<(2 * topology.stage + 2)
        func byLayer() -> [Int: [Buffer<Double>]] {
            Dictionary(uniqueKeysWithValues: own.map { ($0, [Buffer(count: 2, repeating: 9), Buffer(count: 4, repeating: 9)]) })
        }
        layers = byLayer()
        later = hasLater ? byLayer() : nil
        root = topology.rank == 0 ? Buffer(count: 3, repeating: 9) : nil
        shared = Buffer(count: 1, repeating: 9)
        self.mayBeAbsent = mayBeAbsent
        self.prefix = prefix
    }

    var entries: [PersistentEntry] {
        var entries = (0..<4).map { PersistentEntry("\(prefix)/layer_\($0)", [3, 2], layers[$0]) }
        entries += [PersistentEntry("\(prefix)/root", [3], root.map { [$0] }), PersistentEntry("\(prefix)/shared", [], [shared])]
        if let later { entries += (0..<4).map { PersistentEntry("\(prefix)/later_\($0)", [3, 2], later[$0], standIn: 0.5) } }
        return entries
    }

    func adopt() { adopted += 1 }

    /// All that this rank holds, entry by entry.
    var numbers: [String: [Double]] {
        var numbers: [String: [Double]] = [:]
        for entry in entries {
            switch entry.elements {
            case .float32(let pieces?): numbers[entry.path] = pieces.flatMap { $0.array.map(Double.init) }
            case .float64(let pieces?): numbers[entry.path] = pieces.flatMap(\.array)
            default: break
            }
        }
        return numbers
    }

    /// Counts on through each entry from 10 times its number.
    func number() {
        for (i, entry) in entries.enumerated() {
            let first = 10 * i
            switch entry.elements {
            case .float32(let pieces?):
                Buffer((0..<entry.count).map { Float(first + $0) }).copy(to: pieces)
            case .float64(let pieces?):
                Buffer((0..<entry.count).map { Double(first + $0) }).copy(to: pieces)
            default: break
            }
        }
    }
}
