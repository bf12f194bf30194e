import Files
import Foundation
import HDF5
import Kernels

/// One checkpoint being written; `commit()` makes it appear in its directory, whole and verified, or not at all.
///
/// Everything goes into `checkpoint-00000200.h5.partial`, which is removed if this value is dropped before
/// `commit()` succeeds. Other checkpoints are never touched. After a call that threw, the writer is good for nothing
/// but to be dropped.
///
///     var writer = try CheckpointWriter(directory: "run", step: 200)
///     try writer.write("/model/wte.weight", shape: [8192, 256], weights)  // a Buffer<Float>
///     try writer.write("/config", json: configuration)
///     let path = try writer.commit()  // run/checkpoint-00000200.h5
public struct CheckpointWriter: ~Copyable {
    /// Where the checkpoint will stand.
    public let path: String
    private let directory: String
    private let temporaryPath: String
    private var temporaryExists = true
    private var file: HDF5File
    private var manifest: Manifest
    private var names: Set<String> = [Manifest.dataset]
    private var unfinished: Set<String> = []

    /// Begins the checkpoint of `step` (≥ 0) in `directory`, which exists.
    ///
    /// `expectedBytes`, if known, is the sum of the datasets' sizes: a directory with less room is refused at once.
    ///
    /// - Throws: `CheckpointError`: no room, not writable, being written by another process.
    public init(directory: String, step: Int, expectedBytes: Int = 0) throws(CheckpointError) {
        try self.init(
            path: directory + "/" + CheckpointDirectory.fileName(step: step), step: step, expectedBytes: expectedBytes)
    }

    /// The same for a checkpoint that stands by itself, at `path`, in a directory that exists.
    ///
    /// - Throws: `CheckpointError`.
    public init(path: String, step: Int, expectedBytes: Int = 0) throws(CheckpointError) {
        let directory = splitPath(path).directory
        guard step >= 0 else { throw .misuse(path: path, name: "step \(step)", reason: "steps count from 0") }
        let temporaryPath = path + CheckpointDirectory.temporarySuffix
        try CheckpointDirectory.requireRoom(expectedBytes, in: directory)
        let output = try OpenFile.newCheckpoint(temporaryPath)
        let manifest = Manifest(step: step)
        do {
            self.file = try Self.begin(manifest, in: output)
        } catch {
            // The reason for giving up matters more than a leftover, which pruning takes away.
            try? removeFile(temporaryPath)
            throw .hdf5(error)
        }
        self.path = path
        self.directory = directory
        self.temporaryPath = temporaryPath
        self.manifest = manifest
    }

    private static func begin(
        _ manifest: Manifest, in output: consuming OpenFile
    ) throws(HDF5Error) -> HDF5File {
        let file = try HDF5File(creatingIn: output, reserving: Seal.byteCount)
        let root = file.place.at("/")
        try Attribute.write(Manifest.Attribute.format, .integer(Int64(manifest.format)), to: file.id, root)
        try Attribute.write(Manifest.Attribute.step, .integer(Int64(manifest.step)), to: file.id, root)
        return file
    }

    deinit {
        if temporaryExists { try? removeFile(temporaryPath) }
    }

    /// Adds a root attribute. `format_version`, `step` and `manifest_xxh64` are set by the writer.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func setAttribute(_ name: String, _ value: AttributeValue) throws(CheckpointError) {
        guard !Manifest.Attribute.reserved.contains(name), !name.isEmpty, !name.utf8.contains(0) else {
            throw .misuse(path: path, name: "attribute \"\(name)\"", reason: "the name is empty, reserved or holds a NUL")
        }
        if case .text(let text) = value, text.utf8.count > 60_000 || text.utf8.contains(0) {
            throw .misuse(
                path: path, name: "attribute \(name)",
                reason: "text over 60,000 bytes or with a NUL does not fit an attribute; write a dataset")
        }
        try storing { file throws(HDF5Error) in try Attribute.write(name, value, to: file.id, file.place.at("/")) }
    }

    // MARK: Datasets written at once

    /// Writes `elements`, row-major, as a dataset of `shape`. Groups in `name` are made as needed.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write<Element: StoredElement>(
        _ name: String, shape: [Int], _ elements: Buffer<Element>
    ) throws(CheckpointError) {
        var dataset = try create(name, shape: shape, of: Element.self)
        try append(elements, to: &dataset)
        try finish(dataset)
    }

    /// Writes one number.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write<Element: StoredElement>(_ name: String, scalar: Element) throws(CheckpointError) {
        try write(name, shape: [], Buffer([scalar]))
    }

    /// Writes bytes of any kind, a file for instance, as a list of UInt8.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ name: String, bytes: [UInt8]) throws(CheckpointError) {
        try write(name, shape: [bytes.count], Buffer(bytes))
    }

    /// Writes `text`, which holds no NUL, as one UTF-8 string.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ name: String, text: String) throws(CheckpointError) {
        guard !text.utf8.contains(0) else {
            throw .misuse(path: path, name: name, reason: "text with a NUL cannot be stored; write it as bytes")
        }
        let description = DatasetDescription(name: name, type: .text, shape: [text.utf8.count])
        var dataset = try create(description, of: UInt8.self)
        try append(Buffer(Array(text.utf8)), to: &dataset)
        try finish(dataset)
    }

    /// Writes `value` as JSON text with sorted keys.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func write(_ name: String, json value: some Encodable) throws(CheckpointError) {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
        let json: Data
        do {
            json = try encoder.encode(value)
        } catch {
            throw .misuse(path: path, name: name, reason: "the value has no JSON form: \(oneLine(error))")
        }
        try write(name, text: String(decoding: json, as: UTF8.self))
    }

    // MARK: Datasets that arrive in pieces

    /// Begins a dataset of `shape` whose rows follow by `append`, in order. Any number may be open at once.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func create<Element: StoredElement>(
        _ name: String, shape: [Int], of element: Element.Type
    ) throws(CheckpointError) -> DatasetWriter<Element> {
        try create(DatasetDescription(name: name, type: Element.elementType, shape: shape), of: element)
    }

    /// Begins a chunked dataset of any number of rows, which follow by `append`.
    ///
    /// `rowShape` is the shape of one row, `axes` names all axes, that of the rows first, and `units` the unit of
    /// the values; both are also attributes of the dataset.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func createTrace<Element: StoredElement>(
        _ name: String, rowShape: [Int], axes: [String], units: String, of element: Element.Type
    ) throws(CheckpointError) -> DatasetWriter<Element> {
        guard rowShape.allSatisfy({ $0 > 0 }), axes.count == rowShape.count + 1, !axes.contains("") else {
            throw .misuse(
                path: path, name: name, reason: "a trace has positive extents and a name for each axis and its rows")
        }
        let description = DatasetDescription(
            name: name, type: Element.elementType, shape: [0] + rowShape, axes: axes, units: units,
            isExtendible: true)
        return try create(description, of: element)
    }

    private mutating func create<Element>(
        _ description: DatasetDescription, of element: Element.Type
    ) throws(CheckpointError) -> DatasetWriter<Element> {
        if let fault = description.nameFault ?? description.shapeFault {
            throw .misuse(path: path, name: description.name, reason: fault)
        }
        guard names.insert(description.name).inserted else {
            throw .misuse(path: path, name: description.name, reason: "it was written already")
        }
        unfinished.insert(description.name)
        return try storing { file throws(HDF5Error) in
            try DatasetWriter<Element>(creating: description, in: file)
        }
    }

    /// Appends whole rows. For a scalar the one element is the row.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func append<Element>(
        _ rows: Buffer<Element>, to dataset: inout DatasetWriter<Element>
    ) throws(CheckpointError) {
        guard dataset.path == temporaryPath else {
            throw .misuse(path: path, name: dataset.description.name, reason: "it belongs to another file")
        }
        if let fault = dataset.fault(appending: rows.count) {
            throw .misuse(path: path, name: dataset.description.name, reason: fault)
        }
        do {
            try dataset.append(rows)
        } catch {
            throw failure(error)
        }
        try checkWrites()
    }

    /// Ends a dataset once all its rows are there.
    ///
    /// - Throws: `CheckpointError`.
    public mutating func finish<Element>(_ dataset: consuming DatasetWriter<Element>) throws(CheckpointError) {
        guard dataset.path == temporaryPath, unfinished.contains(dataset.description.name) else {
            throw .misuse(path: path, name: dataset.description.name, reason: "it belongs to another file")
        }
        let description: DatasetDescription
        if let fault = dataset.faultIfFinished {
            throw .misuse(path: path, name: dataset.description.name, reason: fault)
        }
        do {
            description = try dataset.finish()
        } catch {
            throw failure(error)
        }
        try checkWrites()
        unfinished.remove(description.name)
        manifest.datasets.append(description)
    }

    // MARK: Commit

    /// Writes out, synchronises, re-opens and verifies, and gives the checkpoint its name.
    ///
    /// A checkpoint of the same step is replaced. Whatever it throws, either the new checkpoint stands whole or the
    /// directory is as before.
    ///
    /// - Returns: its path.
    /// - Throws: `CheckpointError`.
    public consuming func commit() throws(CheckpointError) -> String {
        if let name = unfinished.min() {
            throw .misuse(path: path, name: name, reason: "it was begun but never finished")
        }
        try writeManifest()
        try storing { file throws(HDF5Error) in try file.flush() }
        do {
            try file.close()
        } catch {
            throw failure(error)
        }
        try checkWrites()
        try Seal.write(on: file.output)
        try CheckpointError.naming { () throws(FileError) in try file.output.synchronise() }
        // So that verifying reads the disk.
        file.output.leaveCache()
        // Readers in, other writers out.
        try file.output.lockAsHDF5(shared: true)
        try verifyStored()
        try CheckpointError.naming { () throws(FileError) in try SystemFile.move(temporaryPath, to: path) }
        temporaryExists = false
        try CheckpointError.naming { () throws(FileError) in try synchroniseDirectory(directory) }
        return path
    }

    private mutating func writeManifest() throws(CheckpointError) {
        manifest.datasets.sort { $0.name < $1.name }
        let (text, digest): (String, String)
        do {
            (text, digest) = try manifest.encoded()
        } catch {
            throw .misuse(path: path, name: Manifest.dataset, reason: "no JSON form: \(oneLine(error))")
        }
        let description = DatasetDescription(name: Manifest.dataset, type: .text, shape: [text.utf8.count])
        try storing { file throws(HDF5Error) in
            var dataset = try DatasetWriter<UInt8>(creating: description, in: file)
            try dataset.append(Buffer(Array(text.utf8)))
            _ = try dataset.finish()
        }
        try storing { file throws(HDF5Error) in
            try Attribute.write(Manifest.Attribute.digest, .text(digest), to: file.id, file.place.at("/"))
        }
    }

    private func verifyStored() throws(CheckpointError) {
        let stored = try CheckpointReader(path: temporaryPath)
        guard stored.step == manifest.step, stored.datasets == manifest.datasets else {
            throw .damaged(path: temporaryPath, reason: "its manifest is not the one written")
        }
        try stored.verify()
    }

    // MARK: Failures

    private func storing<Value: ~Copyable>(
        _ body: (borrowing HDF5File) throws(HDF5Error) -> Value
    ) throws(CheckpointError) -> Value {
        let value: Value
        do {
            value = try body(file)
        } catch {
            throw failure(error)
        }
        try checkWrites()
        return value
    }

    // A write that failed is the cause of whatever HDF5 says next.
    private func failure(_ error: HDF5Error) -> CheckpointError {
        file.writeError == 0 ? .hdf5(error) : writeFailure
    }

    private func checkWrites() throws(CheckpointError) {
        guard file.writeError == 0 else { throw writeFailure }
    }

    private var writeFailure: CheckpointError {
        .file(FileError("write", temporaryPath, code: file.writeError, for: .writing))
    }
}

/// What `error` says, on one line.
func oneLine(_ error: any Error) -> String {
    "\(error)".split(whereSeparator: \.isNewline).joined(separator: " ")
}
