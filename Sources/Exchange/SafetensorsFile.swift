import Kernels

/// A safetensors file, opened and checked; any number of threads may read its tensors.
///
/// The format (huggingface.co/docs/safetensors): 8 bytes with the length N of the header, little-endian; N bytes of JSON;
/// the tensors' bytes. Everything the header says is checked against the file's size before memory is taken for it.
public final class SafetensorsFile: Sendable {
    /// The path that it was opened by.
    public let path: String
    /// What the file holds, in the order of its bytes.
    public let tensors: [StoredTensor]
    /// The file's own notes on itself; nil where it has none.
    public let metadata: [String: String]?

    private let indices: [String: Int]
    private let file: ForeignFile
    /// Where the data begins.
    private let dataStart: Int

    /// Opens a file and checks its header.
    ///
    /// - Parameter path: A regular file, or a link to one.
    /// - Throws: `file`; `malformed` where anything in it breaks the format.
    public init(path: String) throws(ExchangeError) {
        let file = try ForeignFile(path)
        func malformed(_ problem: String) -> ExchangeError { .malformed(path: path, place: nil, problem: problem) }

        guard file.size >= Self.lengthBytes else {
            throw malformed("\(file.size) bytes, too few for a safetensors file")
        }
        let length = try file.bytes(at: 0, count: Self.lengthBytes).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        guard length > 0 else { throw malformed("it says that its header is empty") }
        guard length <= UInt64(SafetensorsHeader.largest) else {
            throw malformed("it says that its header has \(length) bytes, \(SafetensorsHeader.largest) are allowed")
        }
        dataStart = Self.lengthBytes + Int(length)
        guard dataStart <= file.size else {
            throw malformed("it says that its header has \(length) bytes, the file ends after \(file.size)")
        }
        let json = try file.bytes(at: Self.lengthBytes, count: Int(length))
        do {
            let header = try SafetensorsHeader(json, dataSize: file.size - dataStart)
            (tensors, metadata) = (header.tensors, header.metadata)
        } catch {
            throw error.error(path: path)
        }
        indices = Dictionary(uniqueKeysWithValues: zip(tensors.map(\.name), tensors.indices))
        self.path = path
        self.file = file
    }

    /// The tensor of that name; nil where there is none.
    public func tensor(_ name: String) -> StoredTensor? { indices[name].map { tensors[$0] } }

    /// Reads a tensor of floating-point numbers as float32.
    ///
    /// F32 as it is, F16 and BF16 exactly (subnormal numbers, infinities and what a NaN carries too), F64 rounded to the
    /// nearest, beyond float32's range to infinity.
    /// - Parameters:
    ///   - name: One of `tensors`.
    ///   - shape: The shape it must have.
    ///   - values: Its elements, row-major; as many as the shape has.
    /// - Throws: `missingTensor`, `unreadableType`, `shape`; `file` and `malformed` where the file is cut meanwhile.
    public func read(_ name: String, shape: [Int], into values: Buffer<Float>) throws(ExchangeError) {
        precondition(values.count == shape.reduce(1, *), "\(values.count) elements for a tensor of shape \(shape)")
        guard let tensor = tensor(name) else { throw .missingTensor(path: path, name: name) }
        guard StoredType.readable.contains(tensor.type) else {
            throw .unreadableType(path: path, name: name, type: tensor.type)
        }
        guard tensor.shape == shape else {
            throw .shape(path: path, name: name, expected: shape, found: tensor.shape)
        }
        switch tensor.type {
        case .float16: try read(tensor, into: values) { widened(half: $0) }
        case .bfloat16: try read(tensor, into: values) { widened(bfloat16: $0) }
        case .float64: try read(tensor, into: values) { (number: Double) in Float(number) }
        default: try file.read(into: values, at: dataStart + tensor.bytes.lowerBound)
        }
    }

    /// Reads piece by piece, so that a tensor takes little memory besides its own.
    private func read<Stored: BitwiseCopyable>(
        _ tensor: StoredTensor, into values: Buffer<Float>, _ float: (Stored) -> Float
    ) throws(ExchangeError) {
        let piece = Buffer<Stored>(uninitialized: min(values.count, Self.pieceCount))
        var done = 0
        while done < values.count {
            let part = piece[0..<min(piece.count, values.count - done)]
            let offset = tensor.bytes.lowerBound + done * MemoryLayout<Stored>.size
            try file.read(into: part, at: dataStart + offset)
            for i in 0..<part.count { values[done + i] = float(part[i]) }
            done += part.count
        }
    }

    private static let lengthBytes = 8
    private static let pieceCount = 1 << 18
}

/// A half-precision number (IEEE 754 binary16: sign, 5 bits of exponent, 10 of fraction) as float32, exactly.
///
/// - Parameter half: Its bits. A NaN keeps its sign and fraction.
func widened(half: UInt16) -> Float {
    let sign = UInt32(half & 0x8000) << 16
    let exponent = UInt32(half >> 10 & 0x1F)
    let fraction = UInt32(half & 0x3FF)
    switch exponent {
    case 0:
        // Zero and the subnormal numbers: multiples of 2⁻²⁴, which float32 holds as normal numbers.
        let magnitude = Float(fraction) * 0x1p-24
        return Float(bitPattern: sign | magnitude.bitPattern)
    case 0x1F:
        return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
    default:
        return Float(bitPattern: sign | (exponent + 127 - 15) << 23 | fraction << 13)
    }
}

/// A bfloat16 number, the upper half of a float32, as float32, exactly.
///
/// - Parameter bfloat16: Its bits.
func widened(bfloat16: UInt16) -> Float { Float(bitPattern: UInt32(bfloat16) << 16) }
