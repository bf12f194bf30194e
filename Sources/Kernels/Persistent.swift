/// A part of a run that a checkpoint keeps in arrays: weights, moments, bases, a policy.
///
/// To keep more is one entry in such a list, or one conformance and its place in `Worker.parts`:
///
///     extension Sensitivities: Persistent {
///         public var noun: String { "a sensitivity" }
///         public var entries: [PersistentEntry] {
///             (0..<layers).map { layer in
///                 // Nil where another stage has the layer; zeros for a checkpoint of before there were any.
///                 PersistentEntry("/lowrank/layer_\(layer)/sensitivity", [levels], own[layer].map { [$0] }, standIn: 0)
///             }
///         }
///     }
///
/// Saving, resuming, `drrl evaluate`, sizes and the check for numbers that are not finite go through the entries.
public protocol Persistent {
    /// What it keeps: on every rank of a run the same entries in the same order, those that other ranks hold among them.
    var entries: [PersistentEntry] { get }
    /// What an element of it is called where one is not finite: "a weight".
    var noun: String { get }
    /// Whether a run goes on from a checkpoint that holds nothing of it at all, and it stays as it is.
    var mayBeAbsent: Bool { get }
    /// Takes up what was read into the entries' memory.
    func adopt()
}

extension Persistent {
    public var mayBeAbsent: Bool { false }
    public func adopt() {}

    /// Bytes of all entries, whoever holds them.
    public var byteCount: Int { entries.reduce(0) { $0 + $1.byteCount } }
}

/// One array of a checkpoint: where it stands there, and the memory that it is written from and read into.
public struct PersistentEntry: Sendable {
    /// Its path in the file, such as `/policy/baseline`.
    public let path: String
    /// Extents, slowest axis first; empty for one number.
    public let shape: [Int]
    /// Its elements on this rank.
    public let elements: Elements
    /// What every element becomes where a checkpoint has no such entry; nil for one that it must have.
    public let standIn: Double?

    /// The memory of an entry: pieces that follow one another, row-major; nil where this rank does not hold it.
    public enum Elements: Sendable {
        case float32([Buffer<Float>]?)
        case float64([Buffer<Double>]?)
    }

    /// An entry of float32.
    public init(_ path: String, _ shape: [Int], _ pieces: [Buffer<Float>]?, standIn: Double? = nil) {
        self.init(path: path, shape: shape, elements: .float32(pieces), standIn: standIn)
        precondition(pieces.map { Self.count($0) == count } ?? true, "\(path): its memory is not of shape \(shape)")
    }

    /// An entry of float64.
    public init(_ path: String, _ shape: [Int], _ pieces: [Buffer<Double>]?, standIn: Double? = nil) {
        self.init(path: path, shape: shape, elements: .float64(pieces), standIn: standIn)
        precondition(pieces.map { Self.count($0) == count } ?? true, "\(path): its memory is not of shape \(shape)")
    }

    private init(path: String, shape: [Int], elements: Elements, standIn: Double?) {
        self.path = path
        self.shape = shape
        self.elements = elements
        self.standIn = standIn
    }

    private static func count<Element>(_ pieces: [Buffer<Element>]) -> Int { pieces.reduce(0) { $0 + $1.count } }

    /// Number of elements.
    public var count: Int { shape.reduce(1, *) }

    /// Bytes in a checkpoint.
    public var byteCount: Int {
        switch elements {
        case .float32: count * MemoryLayout<Float>.size
        case .float64: count * MemoryLayout<Double>.size
        }
    }

    /// Whether this rank holds it.
    public var isHeld: Bool {
        switch elements {
        case .float32(let pieces): pieces != nil
        case .float64(let pieces): pieces != nil
        }
    }

    /// Whether no element that this rank holds is infinite or NaN.
    public var isFinite: Bool {
        switch elements {
        case .float32(let pieces): pieces?.allSatisfy(areFinite) ?? true
        case .float64(let pieces): pieces?.allSatisfy(areFinite) ?? true
        }
    }
}

extension Buffer {
    /// The elements of `pieces`, one after the other: the memory itself where it is one piece, else a copy.
    public init(joining pieces: [Buffer]) {
        if pieces.count == 1 {
            self = pieces[0]
            return
        }
        self.init(uninitialized: pieces.reduce(0) { $0 + $1.count })
        var first = 0
        for piece in pieces {
            self[first..<(first + piece.count)].copy(from: piece)
            first += piece.count
        }
    }

    /// Copies the elements to `pieces`, which together are as many.
    public func copy(to pieces: [Buffer]) {
        var first = 0
        for piece in pieces {
            piece.copy(from: self[first..<(first + piece.count)])
            first += piece.count
        }
    }
}
