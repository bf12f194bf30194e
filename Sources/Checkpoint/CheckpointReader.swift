import Files
import Foundation
import HDF5
import Kernels

/// A checkpoint opened for reading, after every byte of it was found to be as written.
///
///     let reader = try CheckpointReader(path: "run/checkpoint-00000200.h5")
///     let weights: Buffer<Float> = try reader.read("/model/wte.weight", shape: [8192, 256])
public struct CheckpointReader: ~Copyable {
    /// The path that it was opened by.
    public let path: String
    /// The step at which it was saved.
    public let step: Int
    /// The version of the format that it is written in.
    public let formatVersion: Int
    /// Everything in it, by name.
    public let datasets: [DatasetDescription]
    private let byName: [String: DatasetDescription]
    private let file: HDF5File

    /// Verifies and opens the checkpoint at `path`.
    ///
    /// - Throws: `CheckpointError`: not readable, not a checkpoint, of another format, damaged, or with content that no
    ///   checkpoint has (other links than hard ones, filters, variable-length data, datasets not in its manifest).
    public init(path: String) throws(CheckpointError) {
        let input = try OpenFile.checkpoint(path)
        try Seal.verify(input)
        let length = try input.length()
        let file: HDF5File
        do {
            file = try HDF5File(readingFrom: input)
        } catch {
            throw .hdf5(error)
        }
        let manifest = try Inspection.manifest(of: file, fileLength: length)
        try Inspection.verify(file, against: manifest)
        self.path = path
        self.step = manifest.step
        self.formatVersion = manifest.format
        self.datasets = manifest.datasets
        self.byName = Dictionary(uniqueKeysWithValues: manifest.datasets.map { ($0.name, $0) })
        self.file = file
    }

    /// The dataset `name`; nil if there is none.
    public func description(of name: String) -> DatasetDescription? { byName[name] }

    /// Root attribute `name`.
    ///
    /// - Throws: `CheckpointError` if there is none.
    public func attribute(_ name: String) throws(CheckpointError) -> AttributeValue {
        do {
            if let value = try Attribute.read(name, of: file.id, file.place.at("/")) { return value }
        } catch {
            throw .hdf5(error)
        }
        throw .missing(path: path, name: "attribute \(name)")
    }

    /// Reads dataset `name`, which must be of `shape` and of this element type, into new memory.
    ///
    /// - Throws: `CheckpointError`.
    public func read<Element: StoredElement>(
        _ name: String, shape: [Int], of element: Element.Type = Element.self
    ) throws(CheckpointError) -> Buffer<Element> {
        let description = try find(name, Element.elementType, shape: shape)
        let elements = Buffer<Element>(uninitialized: description.count)
        try elements.withBytes { bytes throws(CheckpointError) in try read(description, into: bytes) }
        return elements
    }

    /// Reads dataset `name`, which must be of `shape` and of this element type, into `elements`, all of them.
    ///
    /// - Throws: `CheckpointError`.
    public func read<Element: StoredElement>(
        _ name: String, shape: [Int], into elements: Buffer<Element>
    ) throws(CheckpointError) {
        let description = try find(name, Element.elementType, shape: shape)
        guard elements.count == description.count else {
            throw .misuse(
                path: path, name: name, reason: "\(description.count) elements do not fill a buffer of \(elements.count)")
        }
        try elements.withBytes { bytes throws(CheckpointError) in try read(description, into: bytes) }
    }

    /// Reads one number.
    ///
    /// - Throws: `CheckpointError`.
    public func scalar<Element: StoredElement>(
        _ name: String, of element: Element.Type = Element.self
    ) throws(CheckpointError) -> Element {
        try read(name, shape: [], of: element)[0]
    }

    /// Reads a list of bytes of any length.
    ///
    /// - Throws: `CheckpointError`.
    public func bytes(_ name: String) throws(CheckpointError) -> [UInt8] {
        let description = try find(name, .uint8)
        guard description.shape.count == 1 else {
            throw .mismatch(path: path, name: name, expected: "a list of uint8", found: description.kind)
        }
        return try content(of: description)
    }

    /// Reads a text.
    ///
    /// - Throws: `CheckpointError`.
    public func text(_ name: String) throws(CheckpointError) -> String {
        guard let text = String(validating: try content(of: try find(name, .text)), as: UTF8.self) else {
            throw .malformed(path: path, object: name, reason: "it is not UTF-8")
        }
        return text
    }

    /// Reads a text and decodes it as the JSON form of `Value`.
    ///
    /// - Throws: `CheckpointError`.
    public func json<Value: Decodable>(
        _ name: String, as type: Value.Type = Value.self
    ) throws(CheckpointError) -> Value {
        let text = try text(name)
        do {
            return try JSONDecoder().decode(Value.self, from: Data(text.utf8))
        } catch {
            throw .malformed(path: path, object: name, reason: "its JSON is not a \(Value.self): \(oneLine(error))")
        }
    }

    /// Reads every dataset and compares it with its checksum. Opening has compared the bytes of the whole file;
    /// this also goes through HDF5, as reading will.
    ///
    /// - Throws: `CheckpointError`.
    public func verify() throws(CheckpointError) {
        for description in datasets {
            let rowBytes = description.rowSize * description.type.byteCount
            let slab = Buffer<UInt8>(uninitialized: description.slabRows * rowBytes)
            try slab.withBytes { bytes throws(CheckpointError) in
                try forEachSlab(of: description) { _ in bytes }
            }
        }
    }

    private func find(
        _ name: String, _ type: ElementType, shape: [Int]? = nil
    ) throws(CheckpointError) -> DatasetDescription {
        guard let description = byName[name] else { throw .missing(path: path, name: name) }
        guard description.type == type, shape == nil || description.shape == shape else {
            let expected = shape.map { "\(type.rawValue) \($0)" } ?? type.rawValue
            throw .mismatch(path: path, name: name, expected: expected, found: description.kind)
        }
        return description
    }

    private func content(of description: DatasetDescription) throws(CheckpointError) -> [UInt8] {
        let bytes = Buffer<UInt8>(uninitialized: description.byteCount)
        try bytes.withBytes { bytes throws(CheckpointError) in try read(description, into: bytes) }
        return bytes.array
    }

    private func read(
        _ description: DatasetDescription, into bytes: UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        let rowBytes = description.rowSize * description.type.byteCount
        try forEachSlab(of: description) { rows in
            UnsafeMutableRawBufferPointer(rebasing: bytes[rows.lowerBound * rowBytes..<rows.upperBound * rowBytes])
        }
    }

    /// Reads the dataset in slabs small enough to be hashed while in cache, each into the memory that `memory` names
    /// (of which it takes the front), and compares the checksum.
    private func forEachSlab(
        of description: DatasetDescription, memory: (Range<Int>) -> UnsafeMutableRawBufferPointer
    ) throws(CheckpointError) {
        var hash = XXH64()
        if description.count > 0 {
            let rowBytes = description.rowSize * description.type.byteCount
            do {
                let dataset = try Dataset(opening: description.name, in: file)
                let type = try Datatype.of(description.type, length: description.byteCount, dataset.place)
                for first in stride(from: 0, to: description.rowCount, by: description.slabRows) {
                    let rows = first..<min(first + description.slabRows, description.rowCount)
                    let bytes = UnsafeMutableRawBufferPointer(rebasing: memory(rows)[..<(rows.count * rowBytes)])
                    try dataset.read(into: bytes, rows: rows, shape: description.storedShape, type: type)
                    hash.update(UnsafeRawBufferPointer(bytes))
                }
            } catch {
                throw .hdf5(error)
            }
        }
        guard hash.digest.hexadecimal == description.checksum else {
            throw .damaged(path: path, reason: "\(description.name) does not match its checksum")
        }
    }
}

extension DatasetDescription {
    /// Rows read at once: about a mebibyte, at least one.
    fileprivate var slabRows: Int {
        min(max((1 << 20) / max(rowSize * type.byteCount, 1), 1), max(rowCount, 1))
    }
}
