import JSON

/// The header of a safetensors file: one JSON object from names to types, shapes and places, checked.
///
/// The tensors tile the data: none overlaps another, no byte is left over. So the file's size bounds what they
/// may ask for.
struct SafetensorsHeader {
    /// In the order of their bytes.
    private(set) var tensors: [StoredTensor] = []
    /// What `__metadata__` holds; nil where there is none.
    private(set) var metadata: [String: String]?

    /// The key that is no tensor's name.
    static let metadataKey = "__metadata__"
    /// As the reference implementation has it.
    static let largest = 100_000_000

    /// - Parameters:
    ///   - json: All of the header, with the spaces behind it.
    ///   - dataSize: Bytes behind the header.
    init(_ json: [UInt8], dataSize: Int) throws(Fault) {
        guard json.first == UInt8(ascii: "{") else { throw Fault("its header is not a JSON object") }
        var names: Set<String> = []
        do {
            var reader = try JSONReader(json)
            try reader.object { reader, name throws(Fault) in
                if name == Self.metadataKey {
                    guard metadata == nil else { throw Fault.repeated(name) }
                    metadata = try reader.strings(in: Self.metadataKey)
                    return
                }
                if let problem = StoredTensor.fault(inName: name) { throw Fault(problem, in: quoted(name)) }
                guard names.insert(name).inserted else { throw Fault("the name comes twice", in: place(name)) }
                do throws(Fault) {
                    tensors.append(try reader.tensor(name, dataSize: dataSize))
                } catch {
                    throw Fault(error.problem, in: error.place ?? place(name))
                }
            }
            try reader.end()
        } catch {
            throw Fault(error.problem, in: error.place ?? "header")
        }
        tensors.sort { ($0.bytes.lowerBound, $0.bytes.upperBound) < ($1.bytes.lowerBound, $1.bytes.upperBound) }
        try checkTiling(dataSize)
    }

    private func checkTiling(_ dataSize: Int) throws(Fault) {
        var (end, last) = (0, "")
        for tensor in tensors {
            guard tensor.bytes.lowerBound >= end else {
                throw Fault("its bytes overlap those of tensor \(quoted(last))", in: place(tensor.name))
            }
            guard tensor.bytes.lowerBound == end else {
                throw Fault(
                    "bytes \(end) to \(tensor.bytes.lowerBound) of the data, before it, belong to no tensor",
                    in: place(tensor.name))
            }
            (end, last) = (tensor.bytes.upperBound, tensor.name)
        }
        guard end == dataSize else {
            throw Fault("\(dataSize - end) bytes behind the last tensor belong to none", in: "data")
        }
    }
}

/// How messages call a tensor.
private func place(_ name: String) -> String { "tensor \(quoted(name))" }

extension JSONReader {
    /// Reads an object whose values are strings; no key may come twice.
    mutating func strings(in key: String) throws(Fault) -> [String: String] {
        var strings: [String: String] = [:]
        guard try kind() == .object else { throw Fault("not an object of strings", in: key) }
        do {
            try object { reader, name throws(Fault) in
                guard try reader.kind() == .string else { throw Fault("\(quoted(name)) is not a string") }
                guard strings.updateValue(try reader.string(), forKey: name) == nil else { throw Fault.repeated(name) }
            }
        } catch {
            throw Fault(error.problem, in: key)
        }
        return strings
    }

    fileprivate mutating func tensor(_ name: String, dataSize: Int) throws(Fault) -> StoredTensor {
        guard try kind() == .object else { throw Fault("not an object with dtype, shape and data_offsets") }
        var (typeName, shape, offsets): (String?, [Int]?, [Int]?) = (nil, nil, nil)
        try object { reader, key throws(Fault) in
            switch key {
            case "dtype" where typeName == nil:
                guard try reader.kind() == .string else { throw Fault("dtype is not a string") }
                typeName = try reader.string()
            case "shape" where shape == nil:
                shape = try reader.wholeNumbers(key, most: StoredTensor.mostAxes)
            case "data_offsets" where offsets == nil:
                offsets = try reader.wholeNumbers(key, most: 2)
            case "dtype", "shape", "data_offsets": throw Fault.repeated(key)
            default: throw Fault("unknown key \(quoted(key))")
            }
        }
        guard let typeName else { throw Fault("no dtype") }
        guard let type = StoredType(rawValue: typeName) else { throw Fault("unknown dtype \(quoted(typeName))") }
        guard let shape else { throw Fault("no shape") }
        guard let offsets, offsets.count == 2 else { throw Fault("no data_offsets of a begin and an end") }
        let (begin, end) = (offsets[0], offsets[1])
        guard begin <= end else { throw Fault("data_offsets begin at \(begin), behind their end at \(end)") }
        guard end <= dataSize else {
            throw Fault("data_offsets end at \(end), the file's data at \(dataSize); the file may be cut")
        }
        guard let byteCount = StoredTensor.byteCount(of: shape, type) else {
            throw Fault("shape \(shape) is absurdly large")
        }
        guard byteCount == end - begin else {
            throw Fault("shape \(shape) of \(typeName) takes \(byteCount) bytes, data_offsets give \(end - begin)")
        }
        return StoredTensor(name: name, type: type, shape: shape, bytes: begin..<end)
    }

    /// Reads an array of numbers from 0 on, without a sign, a point or an exponent.
    private mutating func wholeNumbers(_ key: String, most: Int) throws(Fault) -> [Int] {
        guard try kind() == .array else { throw Fault("\(key) is not an array") }
        var numbers: [Int] = []
        try array { reader throws(Fault) in
            guard numbers.count < most else { throw Fault("\(key) has more than \(most) numbers") }
            guard try reader.kind() == .number else { throw Fault("\(key) holds what is not a number") }
            let digits = try reader.number()
            guard digits.utf8.allSatisfy({ $0 >= UInt8(ascii: "0") && $0 <= UInt8(ascii: "9") }),
                let number = Int(digits)
            else {
                throw Fault("\(key) holds \(JSONValue.number(digits)), not a whole number from 0 to \(Int.max)")
            }
            numbers.append(number)
        }
        return numbers
    }
}
